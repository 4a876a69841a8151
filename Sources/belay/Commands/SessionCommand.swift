import ArgumentParser
import BelayAPI

struct SessionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "session",
    abstract: "See the runs of jobs, watch and stop them.",
    subcommands: [List.self, Show.self, Watch.self, Stop.self])
}

/// A session as people type it: `ID`, or `jobs/JOB/sessions/ID`.
struct SessionArgument: ParsableArguments {
  @Argument(help: "The session: its id or its name, jobs/JOB/sessions/ID.")
  var session: String

  private var request: BelayV1.GetSessionRequest {
    var request = BelayV1.GetSessionRequest()
    request.name = session.contains("/") ? session : "jobs/-/sessions/" + session
    return request
  }

  /// The session as it is now, under its full name.
  func resolve(_ coordinator: CoordinatorAPI, _ client: ClientOptions) async throws
    -> BelayV1.Session
  {
    let answer = try await coordinator.sessions.getSession(request, options: client.call)
    return answer.session ?? BelayV1.Session()
  }
}

extension SessionCommand {
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List sessions, newest first.")

    @Option(help: "Only sessions of this job.")
    var job: String?

    @Option(help: "At most this many.")
    var limit = 50

    @OptionGroup var client: ClientOptions

    func run() async throws {
      let parent = fullName(job ?? "-", in: "jobs")
      let sessions = try await client.withCoordinator { coordinator in
        try await allPages(limit: limit) { token in
          var request = BelayV1.ListSessionsRequest()
          request.parent = parent
          request.pageToken = token
          let page = try await coordinator.sessions.listSessions(request, options: client.call)
          return (page.sessions, page.nextPageToken)
        }
      }
      client.write(sessions, empty: "There is no session. Start one with: belay job start JOB") {
        var table = TextTable("SESSION", "JOB", "STATE", "RESULT", "STARTED", "VMS", "MESSAGE")
        for session in sessions {
          let parts = session.name.split(separator: "/")
          table.add(
            lastPart(session.name), parts.count > 1 ? String(parts[1]) : "",
            Words.of(session.state), Words.of(session.result), text(session.startTime),
            SessionText.counts(session), SessionText.message(session))
        }
        return table.text
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what is done, what is in process and what waits.")

    @OptionGroup var argument: SessionArgument

    @Flag(help: "Also the session's log.")
    var log = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
      try await client.withCoordinator { coordinator in
        let session = try await argument.resolve(coordinator, client)
        client.write(session) { SessionText.details(session) }
        guard log else { return }
        let records = try await SessionLog(coordinator: coordinator, client: client)
          .records(of: session.name, after: 0)
        client.write(records, empty: "") {
          "\n" + records.map(SessionText.logLine).joined(separator: "\n")
        }
      }
    }
  }

  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follow a session until it ends; the exit code tells its result.",
      discussion: """
        On a terminal: the log, a bar for each VM in process, the totals. On a pipe: the log's lines. \
        Ctrl-C ends the watch and leaves the session alone.
        """)

    @OptionGroup var argument: SessionArgument
    @OptionGroup var client: ClientOptions

    func run() async throws {
      try await client.withCoordinator { coordinator in
        let session = try await argument.resolve(coordinator, client)
        try await SessionWatch(coordinator: coordinator, client: client).follow(session.name)
      }
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stop a session, immediately or gracefully.", discussion: StopOptions.discussion)

    @OptionGroup var argument: SessionArgument
    @OptionGroup var stop: StopOptions
    @OptionGroup var client: ClientOptions

    func run() async throws {
      try await client.withCoordinator { coordinator in
        var request = BelayV1.StopSessionRequest()
        request.name = try await argument.resolve(coordinator, client).name
        request.mode = stop.mode
        request.reason = stop.reason
        request.escalation = stop.timeoutDuration.map { .timeout($0) }
        let answer = try await coordinator.sessions.stopSession(request, options: client.call)
        guard let session = answer.session else { return }
        client.write(session) { StopOptions.text(answer.disposition, session) }
      }
    }
  }
}
