internal import BackupModel
internal import BelayAPI
internal import CoordinatorCore
internal import GRPC

/// What the two requests to stop have in common.
protocol StopWire {
  var mode: BelayV1.StopMode { get }
  var reason: String { get }
  var requestID: String { get }
  var ifSequence: Int64 { get }
  var tasks: [String] { get }
  var cancelChainedJobs: Bool { get }
  var deadlineOrTimeout: StopDeadlineWire? { get }
}

enum StopDeadlineWire {
  case deadline(GoogleProtobuf.Timestamp)
  case timeout(GoogleProtobuf.Duration)
}

extension BelayV1.StopSessionRequest: StopWire {
  var deadlineOrTimeout: StopDeadlineWire? {
    switch escalation {
    case .deadline(let time)?: .deadline(time)
    case .timeout(let duration)?: .timeout(duration)
    case nil: nil
    }
  }
}

extension BelayV1.StopJobRequest: StopWire {
  var deadlineOrTimeout: StopDeadlineWire? {
    switch escalation {
    case .deadline(let time)?: .deadline(time)
    case .timeout(let duration)?: .timeout(duration)
    case nil: nil
    }
  }
}

extension StopOrder {
  init(_ wire: some StopWire, _ context: ServerContext) throws(RPCError) {
    guard wire.tasks.isEmpty else { throw .notBuilt("stopping single tasks") }
    guard !wire.cancelChainedJobs else { throw .notBuilt("canceling chained jobs") }
    guard wire.ifSequence >= 0 else { throw .invalid("if_sequence", "is negative") }
    self.init(
      mode: try Self.mode(wire.mode),
      requester: try Requester(context, reason: wire.reason, requestID: wire.requestID),
      deadline: try wire.deadlineOrTimeout.map { wire throws(RPCError) in
        try StopDeadline(wire)
      },
      ifSequence: wire.ifSequence == 0 ? nil : Int(wire.ifSequence))
  }

  private static func mode(_ wire: BelayV1.StopMode) throws(RPCError) -> BackupModel.StopMode {
    switch wire {
    case .immediate: return .immediate
    case .graceful: return .graceful
    case .unspecified, .unrecognized:
      throw .invalid("mode", "IMMEDIATE or GRACEFUL is required", reason: "STOP_MODE_REQUIRED")
    }
  }
}

extension StopDeadline {
  init(_ wire: StopDeadlineWire) throws(RPCError) {
    switch wire {
    case .deadline(let time):
      guard let nanoseconds = time.nanosecondsSinceEpoch else {
        throw .invalid("deadline", "is not a time between 1677 and 2262")
      }
      self = .at(Timestamp(nanosecondsSinceEpoch: nanoseconds))
    case .timeout(let wire):
      guard let duration = wire.duration else {
        throw .invalid("timeout", "is not a duration")
      }
      self = .after(duration)
    }
  }
}
