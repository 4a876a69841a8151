import BackupModel
import BelayAPI

/// A time as people read it: RFC 3339 in UTC, or `-`.
func text(_ time: GoogleProtobuf.Timestamp?) -> String {
  guard let time else { return "-" }
  let start = Timestamp(nanosecondsSinceEpoch: 0)
  return start.advanced(by: .seconds(time.seconds) + .nanoseconds(Int64(time.nanos))).description
}
