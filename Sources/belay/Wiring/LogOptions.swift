import ArgumentParser
import Logging

/// How much a process says of itself, on standard error.
struct LogOptions: ParsableArguments {
  enum Level: String, ExpressibleByArgument, CaseIterable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
  }

  @Option(help: "How much to log: trace, debug, info, notice, warning or error.")
  var logLevel = Level.info

  /// A log of that level, one line an event.
  func makeLog(_ label: String) -> Logger {
    var log = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    log.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .info
    return log
  }
}
