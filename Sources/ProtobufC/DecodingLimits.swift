/// What a decoder takes from a peer that may be hostile.
public struct DecodingLimits: Hashable, Sendable {
  /// How many messages may stand within each other, the outermost included. Protobuf's own implementations take 100.
  public var maximumDepth: Int
  /// How many bytes protobuf-c may take for the structs of one message. A few bytes on the wire can ask for a
  /// hundred times as many in memory.
  public var maximumMemory: Int

  /// At first, what suits messages of up to 4 MiB.
  public init(maximumDepth: Int = 100, maximumMemory: Int = 64 << 20) {
    self.maximumDepth = maximumDepth
    self.maximumMemory = maximumMemory
  }
}
