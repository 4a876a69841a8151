/// A message that a call carries; generated messages conform by their protobuf encoding.
public protocol WireMessage: Sendable {
  /// Decodes bytes of a peer, hostile ones too: it throws, and never traps.
  init(wireBytes: [UInt8]) throws
  /// Encodes the message.
  func wireBytes() throws -> [UInt8]
}
