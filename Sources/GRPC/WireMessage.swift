/// A message that a call carries; generated messages conform by their protobuf encoding.
public protocol WireMessage: Sendable {
  /// Decodes bytes of a peer, hostile ones too: it throws, and never traps.
  init(wireBytes: [UInt8]) throws
  /// Encodes the message.
  func wireBytes() throws -> [UInt8]
}

extension WireMessage {
  /// gRPC's answer to bytes that are no message: INTERNAL, with nothing of the decoder in it.
  @inlinable
  init(decoding bytes: [UInt8], as role: String) throws(RPCError) {
    do {
      try self.init(wireBytes: bytes)
    } catch {
      throw RPCError(.internal, "the \(role) could not be decoded")
    }
  }

  /// INTERNAL for a message that has no encoding, such as one that is too large for its format.
  @inlinable
  func encoded(as role: String) throws(RPCError) -> [UInt8] {
    do {
      return try wireBytes()
    } catch {
      throw RPCError(.internal, "the \(role) could not be encoded")
    }
  }
}
