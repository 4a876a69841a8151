internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

extension RPCError {
  static var overloaded: RPCError {
    RPCError(
      .resourceExhausted, "the coordinator has too much to do", reason: "OVERLOADED",
      retryDelay: .seconds(1))
  }

  static var interrupted: RPCError {
    RPCError(
      .unavailable, "the coordinator begins anew", reason: "RESTARTING",
      retryDelay: .seconds(1))
  }

  static var outcomeUnknown: RPCError {
    RPCError(
      .unavailable,
      "the coordinator begins anew; ask again with the same request id to learn what became of it",
      reason: "OUTCOME_UNKNOWN", retryDelay: .seconds(1))
  }

  static var shuttingDown: RPCError {
    RPCError(
      .unavailable, "the coordinator is shutting down", reason: "SHUTTING_DOWN",
      retryDelay: .seconds(5))
  }

  static func staleLease(_ message: String) -> RPCError {
    RPCError(.aborted, message, reason: "STALE_LEASE")
  }

  init(_ reason: DisconnectReason) {
    switch reason {
    case .replaced: self = .staleLease("the worker has attached on another connection")
    case .refused(let refusal): self.init(refusal)
    }
  }
}
