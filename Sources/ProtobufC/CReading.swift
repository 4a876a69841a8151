public import CProtobufC

/// Copies what protobuf-c decoded into Swift values, for generated code. Strings were checked to be UTF-8 before.
///
/// Inlinable, since most of a decoder's time would otherwise go into looking up generic types.
public enum CReading {
  /// Nil is the empty string.
  @inlinable
  public static func string(_ text: UnsafePointer<CChar>?) -> String {
    text.map { String(cString: $0) } ?? ""
  }

  /// The value of a `bytes` field.
  @inlinable
  public static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    scalars(data.len, data.data)
  }

  /// The values of a repeated field of numbers; none for nil.
  @inlinable
  public static func scalars<Value: BitwiseCopyable>(
    _ count: Int, _ values: UnsafePointer<Value>?
  ) -> [Value] {
    Array(UnsafeBufferPointer(start: values, count: values == nil ? 0 : count))
  }

  /// What `read` makes of each value.
  @inlinable
  public static func array<CValue, Value>(
    _ count: Int, _ values: UnsafePointer<CValue>?, _ read: (CValue) -> Value
  ) -> [Value] {
    UnsafeBufferPointer(start: values, count: values == nil ? 0 : count).map(read)
  }

  /// The values of a repeated `string` field; none for nil.
  @inlinable
  public static func strings(
    _ count: Int, _ values: UnsafePointer<UnsafeMutablePointer<CChar>?>?
  ) -> [String] {
    array(count, values) { string($0) }
  }

  /// Nil if there is no such message.
  @inlinable
  public static func message<CMessage, Value>(
    _ message: UnsafePointer<CMessage>?, _ read: (UnsafePointer<CMessage>) -> Value
  ) -> Value? {
    message.map(read)
  }

  /// What `read` makes of each message of a repeated field; none for nil.
  @inlinable
  public static func messages<CMessage, Value>(
    _ count: Int, _ messages: UnsafePointer<UnsafeMutablePointer<CMessage>?>?,
    _ read: (UnsafePointer<CMessage>) -> Value
  ) -> [Value] {
    UnsafeBufferPointer(start: messages, count: messages == nil ? 0 : count)
      .compactMap { $0.map { read($0) } }
  }

  /// The entries of a map field. Of two with the same key the later one counts.
  @inlinable
  public static func map<CEntry, Key: Hashable, Value>(
    _ count: Int, _ entries: UnsafePointer<UnsafeMutablePointer<CEntry>?>?,
    _ read: (UnsafePointer<CEntry>) -> (Key, Value)
  ) -> [Key: Value] {
    Dictionary(messages(count, entries, read), uniquingKeysWith: { _, later in later })
  }
}
