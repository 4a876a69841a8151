import BelayAPI
import GRPC

/// The `google.rpc.ErrorInfo` that a refusal carries: a reason that scripts can rely on.
struct ErrorReason {
  let text: String

  /// Nil: the error carries none.
  init?(of error: RPCError) {
    guard !error.details.isEmpty,
      let status = try? GoogleRpc.Status(wireBytes: error.details)
    else { return nil }
    for detail in status.details where detail.typeURL.hasSuffix("/" + GoogleRpc.ErrorInfo.messageName) {
      guard let info = try? GoogleRpc.ErrorInfo(wireBytes: detail.value) else { continue }
      text = info.reason
      return
    }
    return nil
  }
}
