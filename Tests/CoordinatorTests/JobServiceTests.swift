import BackupModel
import BelayAPI
import GRPC
import Testing

@testable import Coordinator

@Suite(.timeLimit(.minutes(2))) struct JobServiceTests {
  @Test("A job is created, read, listed, changed by a mask, and deleted")
  func life() async throws {
    try await Bench.run { bench in
      let created = try await bench.jobs.createJob(.init(jobID: "nightly", job: Bench.job()))
      let job = try #require(created.job)
      #expect(job.name == "jobs/nightly" && !job.etag.isEmpty)
      #expect(job.settings?.maxAttempts == 3 && job.settings?.startOrder == .strict)
      #expect(try await bench.jobs.getJob(.init(name: job.name)).job == job)
      #expect(try await bench.jobs.listJobs(.init()).jobs == [job])

      var change = BelayV1.Job(name: job.name, description: "new", disabled: true)
      change.settings = BelayV1.JobSettings(parallelism: 4)
      let updated = try await bench.jobs.updateJob(
        .init(
          job: change, updateMask: .init(paths: ["description", "settings.parallelism"])))
      #expect(updated.job?.description == "new" && updated.job?.disabled == false)
      #expect(updated.job?.settings?.parallelism == 4)
      #expect(updated.job?.settings?.repository == "repositories/main")
      #expect(updated.job?.objects == job.objects)
      #expect(updated.job?.etag != job.etag)

      _ = try await bench.jobs.deleteJob(.init(name: job.name))
      let gone = await refusal { try await bench.jobs.getJob(.init(name: job.name)) }
      #expect(gone?.0.code == .notFound)
    }
  }

  @Test(
    "An old etag is ABORTED, ETAG_MISMATCH, and nothing changes", arguments: ["r7", "nonsense"])
  func etag(etag: String) async throws {
    try await Bench.run { bench in
      _ = try await bench.jobs.createJob(.init(jobID: "nightly", job: Bench.job()))
      let refused = await refusal {
        try await bench.jobs.updateJob(
          .init(
            job: .init(name: "jobs/nightly", description: "x", etag: etag),
            updateMask: .init(paths: ["description"])))
      }
      #expect(refused?.0.code == .aborted && refused?.reason == "ETAG_MISMATCH")
      #expect(try await bench.jobs.getJob(.init(name: "jobs/nightly")).job?.description == "")
    }
  }

  @Test("Paging gives every job once; a foreign token is BAD_PAGE_TOKEN")
  func paging() async throws {
    try await Bench.run { bench in
      for number in 1...5 {
        _ = try await bench.jobs.createJob(.init(jobID: "job-\(number)", job: Bench.job()))
      }
      var names: [String] = []
      var token = ""
      repeat {
        let page = try await bench.jobs.listJobs(.init(pageSize: 2, pageToken: token))
        names += page.jobs.map(\.name)
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(names == (1...5).map { "jobs/job-\($0)" })

      let workers = try Page(size: 1, token: "", scope: "workers").token(after: "w1")
      for bad in ["zz", "abc", workers] {
        let refused = await refusal { try await bench.jobs.listJobs(.init(pageToken: bad)) }
        #expect(refused?.0.code == .invalidArgument && refused?.reason == "BAD_PAGE_TOKEN")
      }
    }
  }

  @Test("A field that breaks its grammar is INVALID_ARGUMENT and named in BadRequest")
  func fields() async throws {
    try await Bench.run { bench in
      func field(_ id: String = "nightly", _ change: (inout BelayV1.Job) -> Void) async -> String? {
        var job = Bench.job()
        change(&job)
        let refused = await refusal { [job] in
          try await bench.jobs.createJob(.init(jobID: id, job: job))
        }
        guard refused?.0.code == .invalidArgument else { return nil }
        return refused?.0.detail(GoogleRpc.BadRequest.self)?.fieldViolations.first?.field
      }
      #expect(await field("Not an id") { _ in } == "job_id")
      #expect(await field { $0.type = .unspecified } == "job.type")
      #expect(
        await field { $0.objects[1].virtualMachine = "../x" } == "job.objects[1].virtual_machine")
      #expect(await field { $0.objects[0].hypervisor = "" } == "job.objects[0].hypervisor")
      #expect(await field { $0.settings = nil } == "job.settings")
      #expect(await field { $0.settings?.repository = "main" } == "job.settings.repository")
      #expect(await field { $0.settings?.parallelism = -1 } == "settings.parallelism")
      #expect(
        await field { $0.settings?.startOrder = .unrecognized(9) } == "job.settings.start_order")
      #expect(await field { $0.objects = [] } == "objects")
    }
  }

  @Test("Job types that are not built are created, and starting one is UNIMPLEMENTED")
  func notBuilt() async throws {
    try await Bench.run { bench in
      let types: [BelayV1.JobType] = [
        .replication, .unstructuredDataBackup, .fileCopy, .backupCopy,
      ]
      for type in types {
        let id = "job-\(type.rawValue)"
        _ = try await bench.jobs.createJob(.init(jobID: id, job: Bench.job(type: type)))
        let refused = await refusal { try await bench.jobs.startJob(.init(name: "jobs/\(id)")) }
        #expect(refused?.0.code == .unimplemented)
      }
      #expect(try await bench.sessions.listSessions(.init(parent: "jobs/-")).sessions.isEmpty)
    }
  }

  @Test(
    "A second start is ABORTED, SESSION_ACTIVE, with the session; the same request id is no second")
  func secondStart() async throws {
    try await Bench.run { bench in
      let session = try await bench.start()
      #expect(session.name == "jobs/nightly/sessions/s1")
      let again = try await bench.jobs.startJob(.init(name: "jobs/nightly", requestID: "go"))
      #expect(again.session?.name == session.name)
      let refused = await refusal { try await bench.jobs.startJob(.init(name: "jobs/nightly")) }
      #expect(refused?.0.code == .aborted && refused?.reason == "SESSION_ACTIVE")
      let info = refused?.0.detail(GoogleRpc.ErrorInfo.self)
      #expect(info?.metadata["session"] == "s1" && info?.domain == "belay")
      let job = try await bench.jobs.getJob(.init(name: "jobs/nightly")).job
      #expect(job?.activeSession == session.name)
    }
  }

  @Test("StopJob without a session is JOB_NOT_RUNNING, or OK where that is allowed")
  func stopJob() async throws {
    try await Bench.run { bench in
      _ = try await bench.jobs.createJob(.init(jobID: "nightly", job: Bench.job()))
      let refused = await refusal {
        try await bench.jobs.stopJob(.init(name: "jobs/nightly", mode: .immediate))
      }
      #expect(refused?.0.code == .failedPrecondition && refused?.reason == "JOB_NOT_RUNNING")
      #expect(refused?.0.message == "Job nightly is not running")
      let allowed = try await bench.jobs.stopJob(
        .init(name: "jobs/nightly", mode: .immediate, allowNotRunning: true))
      #expect(allowed.session == nil)
      _ = try await bench.jobs.startJob(.init(name: "jobs/nightly"))
      let stopped = try await bench.jobs.stopJob(.init(name: "jobs/nightly", mode: .graceful))
      #expect(stopped.disposition == .accepted && stopped.session?.state == .stopped)
    }
  }
}
