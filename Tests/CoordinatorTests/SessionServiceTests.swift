import BackupModel
import BelayAPI
import Coordinator
import GRPC
import SQLiteStore
import Testing

@Suite(.timeLimit(.minutes(2))) struct SessionServiceTests {
  private let name = "jobs/nightly/sessions/s1"

  @Test("A whole run over the wire: the session, its tasks and its log tell the same story")
  func wholeRun() async throws {
    try await Bench.run { bench in
      try await bench.working([ScriptedLink(on: bench.channel)]) {
        try await bench.start()
        let last = try await bench.watch(name).events.last
        #expect(last?.session?.state == .stopped && last?.session?.result == .success)

        let session = try #require(try await bench.sessions.getSession(.init(name: name)).session)
        #expect(session.taskCounts?.succeeded == 3 && session.checkpointsPending == 0)
        #expect(session.tasks.map(\.restorePoint) == (1...3).map { "restorePoints/s1.\($0)" })
        let tasks = try await bench.sessions.listTasks(.init(parent: name, pageSize: 2))
        #expect(tasks.tasks == Array(session.tasks.prefix(2)) && !tasks.nextPageToken.isEmpty)
        let log = try await bench.sessions.listLogRecords(.init(parent: name, pageSize: 1000))
        #expect(log.logRecords.first?.message == "Job started at \(bench.clock.now())")
        #expect(log.logRecords.filter { $0.message == "Processing vm2" }.count == 1)
        #expect(log.logRecords.filter { $0.message == "VM checkpoint removed" }.count == 3)
        let own = try await bench.sessions.listLogRecords(.init(parent: name + "/tasks/2"))
        #expect(own.logRecords.allSatisfy { $0.task == name + "/tasks/2" })
        #expect(own.logRecords.first?.message == "Processing vm2")
      }
    }
  }

  @Test("Pages of the log join to the whole log")
  func logPages() async throws {
    try await Bench.run { bench in
      try await bench.working([ScriptedLink(on: bench.channel)]) {
        try await bench.start()
        _ = try await bench.watch(name)
        let whole = try await bench.sessions.listLogRecords(.init(parent: name, pageSize: 1000))
        var joined: [BelayV1.LogRecord] = []
        var token = ""
        repeat {
          let page = try await bench.sessions.listLogRecords(
            .init(parent: name, pageSize: 3, pageToken: token))
          joined += page.logRecords
          token = page.nextPageToken
        } while !token.isEmpty
        #expect(joined == whole.logRecords && joined.count > 6)
      }
    }
  }

  @Test("An immediate stop during VM 2: VM 1 has its restore point, the others none")
  func immediate() async throws {
    try await Bench.run { bench in
      let worker = ScriptedLink(holding: [2], on: bench.channel)
      try await bench.working([worker]) {
        try await bench.start()
        try await bench.waitForTransfer(2, of: name)
        let answer = try await bench.sessions.stopSession(
          .init(name: name, mode: .immediate, reason: "maintenance", requestID: "r1"))
        #expect(answer.disposition == .accepted)
        #expect(answer.stop?.requester?.reason == "maintenance")
        _ = try await bench.watch(name)
        let session = try await bench.sessions.getSession(.init(name: name)).session
        #expect(session?.result == .failed && session?.canceled == true)
        #expect(session?.message == "Operation was canceled by user")
        #expect(session?.tasks.map(\.state) == [.succeeded, .canceled, .skipped])
        #expect(session?.tasks.map(\.restorePoint) == ["restorePoints/s1.1", "", ""])
        let again = try await bench.sessions.stopSession(.init(name: name, mode: .immediate))
        #expect(again.disposition == .alreadyStopped)
      }
    }
  }

  @Test("A graceful stop during VM 2 lets it finish; escalation and tightening are told")
  func graceful() async throws {
    try await Bench.run { bench in
      let worker = ScriptedLink(holding: [2], on: bench.channel)
      try await bench.working([worker]) {
        try await bench.start()
        try await bench.waitForTransfer(2, of: name)
        func stop(_ change: (inout BelayV1.StopSessionRequest) -> Void = { _ in }) async throws
          -> BelayV1.StopDisposition
        {
          var request = BelayV1.StopSessionRequest(name: name, mode: .graceful)
          change(&request)
          return try await bench.sessions.stopSession(request).disposition
        }
        #expect(try await stop() == .accepted)
        #expect(try await stop() == .alreadyStopping)
        #expect(try await stop { $0.escalation = .timeout(.init(seconds: 60)) } == .tightened)
        #expect(try await stop { $0.escalation = .timeout(.init(seconds: 90)) } == .alreadyStopping)
        let session = try await bench.sessions.getSession(.init(name: name)).session
        #expect(session?.state == .stopping && session?.waitingFor == "VMs in process: vm2")
        #expect(session?.stop?.stopSet == [name + "/tasks/2"])
        worker.letGo(2)
        let last = try await bench.watch(name).events.last?.session
        #expect(last?.result == .warning && last?.canceled == false)
        #expect(
          last?.message == "Job was stopped gracefully: 2 of 3 VM(s) processed, 1 not started")
      }
    }
  }

  @Test("A stop's deadline passes by the coordinator's clock, without anyone's word")
  func deadline() async throws {
    try await Bench.run { bench in
      let worker = ScriptedLink(holding: [1], on: bench.channel)
      try await bench.working([worker]) {
        try await bench.start()
        try await bench.waitForTransfer(1, of: name)
        _ = try await bench.sessions.stopSession(
          .init(name: name, mode: .graceful, escalation: .timeout(.init(seconds: 20))))
        bench.clock.turn(by: .seconds(20))
        let last = try await bench.watch(name).events.last?.session
        let session = try await bench.sessions.getSession(.init(name: name)).session
        #expect((last ?? session)?.result == .failed)
        #expect(session?.stop?.mode == .immediate && session?.stop?.escalation != nil)
      }
    }
  }

  @Test("Refusals carry their code, exact message, reason and metadata")
  func refusals() async throws {
    try await Bench.run { bench in
      try await bench.start(Bench.job(vms: 1, type: .restore))
      let noMode = await refusal { try await bench.sessions.stopSession(.init(name: name)) }
      #expect(noMode?.0.code == .invalidArgument && noMode?.reason == "STOP_MODE_REQUIRED")

      let graceful = await refusal {
        try await bench.sessions.stopSession(.init(name: name, mode: .graceful))
      }
      #expect(graceful?.0.code == .failedPrecondition)
      #expect(graceful?.reason == "GRACEFUL_STOP_NOT_SUPPORTED")
      #expect(
        graceful?.0.message
          == "Graceful stop is not supported for Restore jobs; stop the job immediately instead")
      #expect(graceful?.0.detail(GoogleRpc.ErrorInfo.self)?.metadata == ["type": "Restore"])

      let deadline = await refusal {
        try await bench.sessions.stopSession(
          .init(name: name, mode: .immediate, escalation: .timeout(.init(seconds: 1))))
      }
      #expect(deadline?.reason == "DEADLINE_NOT_ALLOWED")
      let sequence = await refusal {
        try await bench.sessions.stopSession(.init(name: name, mode: .immediate, ifSequence: 999))
      }
      #expect(sequence?.0.code == .aborted && sequence?.reason == "SEQUENCE_CHANGED")
      let selective = await refusal {
        try await bench.sessions.stopSession(
          .init(name: name, mode: .immediate, tasks: [name + "/tasks/1"]))
      }
      #expect(selective?.0.code == .unimplemented)
      let other = await refusal {
        try await bench.sessions.stopSession(
          .init(name: "jobs/other/sessions/s1", mode: .immediate))
      }
      #expect(other?.0.code == .notFound && other?.reason == "SESSION_NOT_FOUND")
      let malformed = await refusal {
        try await bench.sessions.getSession(.init(name: "sessions/s1"))
      }
      #expect(malformed?.0.code == .invalidArgument)
      #expect(try await bench.sessions.getSession(.init(name: name)).session?.stop == nil)
    }
  }

  @Test("Sessions are listed newest first, live and ended, each once over the pages")
  func list() async throws {
    try await Bench.run { bench in
      try await bench.start()
      for _ in 1...4 {
        _ = try await bench.jobs.stopJob(.init(name: "jobs/nightly", mode: .immediate))
        _ = try await bench.jobs.startJob(.init(name: "jobs/nightly"))
      }
      var names: [String] = []
      var token = ""
      repeat {
        let page = try await bench.sessions.listSessions(
          .init(parent: "jobs/nightly", pageSize: 2, pageToken: token))
        names += page.sessions.map(\.name)
        #expect(page.sessions.allSatisfy { $0.tasks.isEmpty && $0.taskCounts?.total == 3 })
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(names == (1...5).reversed().map { "jobs/nightly/sessions/s\($0)" })
    }
  }

  @Test("What is started over SQLite is there for the next coordinator on the same file")
  func restart() async throws {
    try await TemporaryFile.with { path in
      try await Bench.run(try SQLiteStore(path: path)) { bench in
        try await bench.start()
        _ = try await bench.sessions.stopSession(.init(name: name, mode: .graceful))
        _ = try await bench.jobs.startJob(.init(name: "jobs/nightly"))
      }
      try await Bench.run(try SQLiteStore(path: path)) { bench in
        let ended = try await bench.sessions.getSession(.init(name: name)).session
        #expect(ended?.state == .stopped && ended?.settled == true)
        let second = "jobs/nightly/sessions/s2"
        let live = try await bench.sessions.getSession(.init(name: second)).session
        #expect(live?.message == "Coordinator restarted; session resumed")
        try await bench.working([ScriptedLink(on: bench.channel)]) {
          _ = try await bench.watch(second)
          let session = try await bench.sessions.getSession(.init(name: second)).session
          #expect(session?.result == .success)
        }
      }
    }
  }
}
