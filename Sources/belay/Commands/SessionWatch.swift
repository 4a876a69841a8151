import ArgumentParser
import BelayAPI
import Foundation
import GRPC

/// Follows a session to its end and shows it as it goes, over broken connections and restarts of the coordinator.
struct SessionWatch {
  let coordinator: CoordinatorAPI
  let client: ClientOptions

  /// Returns when the session ended with Success; throws the exit code that says how else it ended.
  func follow(_ name: String) async throws {
    var display = SessionDisplay(format: client.output)
    let interrupted = Interruption(
      hint: "The session goes on: belay session watch \(lastPart(name))")
    defer { interrupted.cancel() }
    var failures = 0
    while !display.hasEnded {
      do {
        try await stream(name, into: &display)
        failures = 0
      } catch let error as RPCError where error.code == .unavailable && failures < 60 {
        failures += 1
        display.note("The coordinator is away; trying again (\(failures)).")
        try await Task.sleep(for: .seconds(1))
      }
    }
    display.finish()
    switch display.result {
    case .success: return
    case .warning: throw ExitStatus.warning.exit
    default: throw ExitStatus.failed.exit
    }
  }

  private func stream(_ name: String, into display: inout SessionDisplay) async throws {
    var request = BelayV1.WatchSessionRequest()
    request.name = name
    request.afterSequence = display.sequence
    var interval = GoogleProtobuf.Duration()
    interval.nanos = 250_000_000
    request.progressInterval = interval
    let log = SessionLog(coordinator: coordinator, client: client)
    var view = display
    defer { display = view }
    view = try await coordinator.sessions.watchSession(request, options: client.call(within: nil)) {
      [view] messages in
      var view = view
      for try await message in messages {
        if case .snapshot(let session) = message.kind, view.sequence == 0 {
          // What led to the snapshot is not streamed: it is read from the log.
          let earlier = try await log.records(of: name, after: 0)
          view.begin(session, earlier: earlier.filter { $0.sequence <= session.sequence })
        }
        view.show(message)
      }
      return view
    }
  }
}

/// Ends the process at Ctrl-C with a word that the session goes on; the connection's end cancels the watch alone.
struct Interruption {
  private let task: Task<Void, Never>

  init(hint: String) {
    // An unstructured task, since it must end the process while the watch waits for the network.
    task = Task {
      for await _ in terminationSignals() {
        printError("\n" + hint)
        Foundation.exit(130)
      }
    }
  }

  func cancel() { task.cancel() }
}
