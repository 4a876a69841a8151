import BelayAPI
import ProtobufC

/// A message that stands for something with a resource name.
protocol Resource: ProtoJSONMessage {
  var name: String { get }
}

extension BelayV1.Job: Resource {}
extension BelayV1.Session: Resource {}
extension BelayV1.RestorePoint: Resource {}
extension BelayV1.Worker: Resource {}
extension BelayV1.LogRecord: Resource {
  var name: String { "\(sequence)" }
}
extension BelayV1.VerifyRestorePointResponse: Resource {
  var name: String { restorePoint?.name ?? "" }
}

/// The message on one line, in protobuf's JSON mapping.
func jsonText(_ message: some ProtoJSONMessage) -> String {
  // A string that protobuf can't carry came from nowhere: every string here was decoded from a message.
  (try? message.jsonText()) ?? "{}"
}
