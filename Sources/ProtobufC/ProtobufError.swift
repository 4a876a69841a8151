/// Why bytes are no message, or a message can't become bytes.
public struct ProtobufError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kind of fault.
  public enum Code: String, Hashable, Sendable {
    /// The bytes are not protobuf's encoding of this message, or are cut short.
    case malformed
    /// A `string` field is not UTF-8.
    case invalidUTF8
    /// A `string` field holds U+0000, which protobuf-c's strings can't.
    case embeddedNUL
    /// Messages are nested deeper than ``DecodingLimits/maximumDepth``.
    case tooDeep
    /// The message would take more memory than ``DecodingLimits/maximumMemory``, or than there is.
    case tooLarge
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong and where, in words; never holds bytes of the message.
  public let message: String

  /// An error with what is wrong in words.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }
}
