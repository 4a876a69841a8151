import Synchronization

/// How a message's bytes are compressed (gRPC "Compression", PROTOCOL-HTTP2 "Message-Encoding").
///
/// Each message is compressed by itself, and says in its prefix whether it is at all: a call with an
/// encoding may also send messages as they are, and does so where compressing gains nothing.
public enum MessageEncoding: UInt8, Sendable, Hashable, CaseIterable, AtomicRepresentable {
  /// Not compressed.
  case identity
  /// The zlib format (RFC 1950), which is what HTTP calls `deflate`.
  case deflate
  /// The gzip format (RFC 1952).
  case gzip

  /// The name in `grpc-encoding` and `grpc-accept-encoding`.
  public var name: String {
    switch self {
    case .identity: "identity"
    case .deflate: "deflate"
    case .gzip: "gzip"
    }
  }

  /// The encoding of a name, which is compared as it stands; nil for one that is not known here.
  init?(name: Span<UInt8>) {
    if name.equals("gzip") {
      self = .gzip
    } else if name.equals("deflate") {
      self = .deflate
    } else if name.equals("identity") {
      self = .identity
    } else {
      return nil
    }
  }
}

/// The encodings that a peer can read; `identity` is always among them.
public struct MessageEncodings: OptionSet, Sendable, Hashable {
  /// A bit for each `MessageEncoding`, by its raw value.
  public let rawValue: UInt8

  /// Takes bits; unknown ones are kept and mean nothing.
  public init(rawValue: UInt8) { self.rawValue = rawValue | 1 }

  /// Only what every peer can read.
  public static let identity = MessageEncodings(rawValue: 1 << MessageEncoding.identity.rawValue)
  /// The zlib format.
  public static let deflate = MessageEncodings(rawValue: 1 << MessageEncoding.deflate.rawValue)
  /// The gzip format.
  public static let gzip = MessageEncodings(rawValue: 1 << MessageEncoding.gzip.rawValue)

  /// All that this library reads.
  public static let supported: MessageEncodings = [.identity, .deflate, .gzip]

  /// Whether messages of this encoding can be read.
  public func contains(_ encoding: MessageEncoding) -> Bool {
    rawValue & 1 << encoding.rawValue != 0
  }

  /// The value for `grpc-accept-encoding`.
  var names: String {
    if self == .supported { return "identity,deflate,gzip" }
    return MessageEncoding.allCases.filter(contains).map(\.name).joined(separator: ",")
  }

  /// Reads a `grpc-accept-encoding`: names with commas between them; those that are not known here
  /// are skipped, since nothing will be sent in them.
  init(names: Span<UInt8>) {
    var bits: UInt8 = 0
    var start = 0
    for index in 0...names.count where index == names.count || names[index] == UInt8(ascii: ",") {
      var end = index
      while start < end, Self.isBlank(names[start]) { start += 1 }
      while start < end, Self.isBlank(names[end - 1]) { end -= 1 }
      if let encoding = MessageEncoding(name: names.extracting(start..<end)) {
        bits |= 1 << encoding.rawValue
      }
      start = index + 1
    }
    self.init(rawValue: bits)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
