import Foundation
internal import Store

/// How facts and jobs are written: JSON with sorted keys, as `Codable` derives it from BackupModel.
///
/// JSON because it says what it is: a later version reads a fact that lacks a new optional field, and a person with
/// the sqlite3 shell reads a session's log. It costs a few µs a fact, where the commit's fsync costs hundreds. The
/// names of BackupModel's cases and fields are thus a format: `StoredFactTests` holds the golden bytes.
enum StoredJSON {
  static func encode(_ value: some Encodable) throws(StoreError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      throw StoreError(.failed, "\(type(of: value)) could not be encoded: \(error)")
    }
  }

  /// `place` names the row, for the message.
  static func decode<Value: Decodable>(
    _: Value.Type, from text: String, at place: @autoclosure () -> String
  ) throws(StoreError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    } catch {
      throw StoreError(
        .corrupt,
        "The store's \(place()) cannot be read: it is damaged, or a later version wrote it (\(error))."
      )
    }
  }
}
