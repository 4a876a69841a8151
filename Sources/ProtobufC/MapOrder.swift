/// The order in which a map's entries are encoded, so that equal maps give equal bytes.
public enum MapOrder {
  /// By the keys as numbers.
  @inlinable
  public static func sorted<Key: BinaryInteger, Value>(_ map: [Key: Value]) -> [(Key, Value)] {
    map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// By the bytes of the keys' UTF-8.
  @inlinable
  public static func sorted<Value>(_ map: [String: Value]) -> [(String, Value)] {
    map.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
  }

  /// False first.
  @inlinable
  public static func sorted<Value>(_ map: [Bool: Value]) -> [(Bool, Value)] {
    map.sorted { !$0.key && $1.key }.map { ($0.key, $0.value) }
  }
}
