import GRPC
import ProtobufC

/// The domain of every reason that Belay gives (semantics.md §10).
package let errorDomain = "belay"

extension RPCError {
  /// A refusal that programs can read: a `google.rpc.Status` with an `ErrorInfo` goes along in
  /// `grpc-status-details-bin`.
  ///
  /// - Parameters:
  ///   - reason: in UPPER_SNAKE_CASE, such as `SESSION_ACTIVE`.
  ///   - facts: whatever in the message is not constant.
  ///   - retryDelay: when the call may be tried again.
  ///   - violations: fields of the request that are wrong, with what is wrong with them.
  package init(
    _ code: StatusCode, _ message: String, reason: String, facts: [String: String] = [:],
    retryDelay: Duration? = nil, violations: [(field: String, description: String)] = []
  ) {
    var error = RPCError(code, message)
    let info = GoogleRpc.ErrorInfo(reason: reason, domain: errorDomain, metadata: facts)
    let retry = retryDelay.map {
      GoogleRpc.RetryInfo(retryDelay: GoogleProtobuf.Duration($0))
    }
    let request =
      violations.isEmpty
      ? nil
      : GoogleRpc.BadRequest(
        fieldViolations: violations.map { .init(field: $0.field, description: $0.description) })
    do {
      var details = [try GoogleProtobuf.AnyMessage(packing: info)]
      if let retry { details.append(try GoogleProtobuf.AnyMessage(packing: retry)) }
      if let request { details.append(try GoogleProtobuf.AnyMessage(packing: request)) }
      error.details = try GoogleRpc.Status(
        code: Int32(truncatingIfNeeded: code.rawValue), message: message, details: details
      ).wireBytes()
    } catch {
      // A text with U+0000 has no encoding: the refusal stands without its details.
    }
    self = error
  }
}
