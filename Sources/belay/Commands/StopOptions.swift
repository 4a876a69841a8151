import ArgumentParser
import BelayAPI

/// What `job stop` and `session stop` have in common.
struct StopOptions: ParsableArguments {
  static let discussion = """
    --immediate  VMs that are done keep their new restore points; those in process and those not started \
    get none. The session ends Failed.
    --graceful   VMs in process are finished and get restore points; those not started get none. For VM \
    Backup, Replication and Unstructured Data Backup jobs. A later --immediate escalates it.

    The command returns as soon as the stop is durable; `belay session watch` shows when the session has ended.
    """

  enum Mode: String, EnumerableFlag {
    case immediate
    case graceful
  }

  @Flag(help: "How VMs in process end. One of the two is required.")
  var kind: Mode

  @Option(help: "Why, for the session's log.")
  var reason = ""

  @Option(
    help: ArgumentHelp(
      "With --graceful: after this long the stop becomes an immediate one.", valueName: "seconds"))
  var escalateAfter: Int64?

  func validate() throws {
    guard let seconds = escalateAfter else { return }
    guard kind == .graceful else {
      throw ValidationError("--escalate-after goes with --graceful.")
    }
    guard (1...31_536_000).contains(seconds) else {
      throw ValidationError("--escalate-after takes 1 to 31536000 seconds.")
    }
  }

  var mode: BelayV1.StopMode { kind == .graceful ? .graceful : .immediate }

  var timeoutDuration: GoogleProtobuf.Duration? {
    escalateAfter.map { seconds in
      var duration = GoogleProtobuf.Duration()
      duration.seconds = seconds
      return duration
    }
  }

  /// What became of the request, for people.
  static func text(_ disposition: BelayV1.StopDisposition, _ session: BelayV1.Session) -> String {
    let id = lastPart(session.name)
    let waiting = session.waitingFor.isEmpty ? "" : " \(session.waitingFor)"
    return switch disposition {
    case .accepted: "\(id) is stopping.\(waiting)"
    case .escalated: "\(id): the graceful stop is now an immediate one.\(waiting)"
    case .tightened: "\(id) is stopping gracefully, with the earlier deadline."
    case .alreadyStopping: "\(id) is stopping already.\(waiting)"
    case .alreadyStopped: "\(id) has ended already: \(Words.of(session.result))."
    default: "\(id): \(Words.of(session.state))."
    }
  }
}
