import ArgumentParser

/// What the process tells the script that called it.
enum ExitStatus: Int32, CaseIterable {
  case done = 0
  case refused = 1
  case unreachable = 2
  case warning = 3
  case failed = 4
  case damaged = 5
  case usage = 64

  var meaning: String {
    switch self {
    case .done: "done; a session that was watched ended with Success"
    case .refused: "the coordinator refused the request, or it failed"
    case .unreachable: "the coordinator could not be reached in time"
    case .warning: "the session that was watched ended with Warning"
    case .failed: "the session that was watched ended with Failed"
    case .damaged: "a restore point that was verified is damaged"
    case .usage: "wrong usage"
    }
  }

  static var help: String {
    allCases.map { status in
      let code = String(status.rawValue)
      return "  " + code + String(repeating: " ", count: 4 - code.count) + status.meaning
    }.joined(separator: "\n")
  }

  var exit: ExitCode { ExitCode(rawValue) }
}
