import ArgumentParser
import BelayAPI
import Foundation

struct JobCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job",
    abstract: "Define jobs, start and stop them.",
    subcommands: [Create.self, List.self, Show.self, Start.self, Stop.self, Delete.self])
}

/// The part of a name that people type: `nightly` or `jobs/nightly`.
struct JobArgument: ParsableArguments {
  @Argument(help: "The job: its id or its name, jobs/ID.")
  var job: String

  var name: String { fullName(job, in: "jobs") }
}

extension JobCommand {
  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Define a backup job.",
      discussion: """
        VMs are processed in the order in which they are given. Example:
          belay job create nightly --vm web01 --vm db01 --parallelism 2
        """)

    @Argument(help: "The job's id: a-z, 0-9 and '-', at most 63 characters.")
    var id: String

    @Option(
      name: .customLong("vm"),
      help: ArgumentHelp("A VM, as its hypervisor names it; repeat it in the order wanted."))
    var virtualMachines: [String]

    @Option(help: "The hypervisor driver that knows the VMs.")
    var hypervisor = "disk-images"

    @Option(help: "The host that the VMs are on. Default: any that has a worker with that driver.")
    var host: String?

    @Option(help: "The repository that restore points go to.")
    var repository = "default"

    @Option(help: "How many VMs may be in process at once.")
    var parallelism: Int32 = 1

    @Option(help: "How many workers may in turn try a VM before it fails.")
    var maxAttempts: Int32 = 3

    @Flag(help: "Pass over a VM that no worker can serve now, instead of waiting for one.")
    var bestEffortOrder = false

    @Option(help: "For people.")
    var description = ""

    @OptionGroup var client: ClientOptions

    func validate() throws {
      guard !virtualMachines.isEmpty else {
        throw ValidationError("Name at least one VM with --vm.")
      }
      guard parallelism >= 1, maxAttempts >= 1 else {
        throw ValidationError("--parallelism and --max-attempts take 1 or more.")
      }
    }

    func run() async throws {
      var request = BelayV1.CreateJobRequest()
      request.jobID = id
      request.job = definition
      let answer = try await client.withCoordinator { [request] in
        try await $0.jobs.createJob(request, options: client.call)
      }
      guard let job = answer.job else { return }
      client.write(job) {
        "Created \(job.name) with \(job.objects.count) VM(s). Start it with: belay job start \(id)"
      }
    }

    private var definition: BelayV1.Job {
      var settings = BelayV1.JobSettings()
      settings.repository = fullName(repository, in: "repositories")
      settings.parallelism = parallelism
      settings.maxAttempts = maxAttempts
      settings.startOrder = bestEffortOrder ? .bestEffort : .strict
      var job = BelayV1.Job()
      job.type = .vmBackup
      job.description = description
      job.settings = settings
      job.objects = virtualMachines.map { name in
        var object = BelayV1.JobObject()
        object.virtualMachine = name
        object.hypervisor = hypervisor
        object.host = host ?? ""
        return object
      }
      return job
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jobs.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
      let jobs = try await client.withCoordinator { coordinator in
        try await allPages { token in
          var request = BelayV1.ListJobsRequest()
          request.pageToken = token
          let page = try await coordinator.jobs.listJobs(request, options: client.call)
          return (page.jobs, page.nextPageToken)
        }
      }
      client.write(jobs, empty: "There is no job. Define one with: belay job create --help") {
        var table = TextTable("JOB", "TYPE", "VMS", "PARALLELISM", "RUNNING")
        for job in jobs {
          table.add(
            lastPart(job.name), Words.of(job.type), "\(job.objects.count)",
            "\(job.settings?.parallelism ?? 1)",
            job.activeSession.isEmpty ? "-" : lastPart(job.activeSession))
        }
        return table.text
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a job's definition.")

    @OptionGroup var argument: JobArgument
    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.GetJobRequest()
      request.name = argument.name
      let answer = try await client.withCoordinator { [request] in
        try await $0.jobs.getJob(request, options: client.call)
      }
      guard let job = answer.job else { return }
      client.write(job) { Self.text(of: job) }
    }

    private static func text(of job: BelayV1.Job) -> String {
      var lines = ["\(lastPart(job.name)): \(Words.of(job.type))"]
      if !job.description.isEmpty { lines.append(job.description) }
      if let settings = job.settings {
        lines.append(
          "repository \(settings.repository), parallelism \(settings.parallelism), "
            + "at most \(settings.maxAttempts) attempts a VM")
        if let restore = settings.restore {
          lines.append("restores \(restore.restorePoint) to \(restore.targetDirectory)")
        }
      }
      lines.append("running: \(job.activeSession.isEmpty ? "no" : job.activeSession)")
      for (index, object) in job.objects.enumerated() {
        let place = object.host.isEmpty ? "" : " on \(object.host)"
        lines.append("  \(index + 1). \(object.virtualMachine) (\(object.hypervisor)\(place))")
      }
      return lines.joined(separator: "\n")
    }
  }

  struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start a session of a job.")

    @OptionGroup var argument: JobArgument

    @Flag(help: "Show the session's progress until it ends; the exit code tells its result.")
    var watch = false

    @Option(help: "Why, for the session's log.")
    var reason = ""

    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.StartJobRequest()
      request.name = argument.name
      request.reason = reason
      try await client.withCoordinator { [request] coordinator in
        let answer = try await coordinator.jobs.startJob(request, options: client.call)
        guard let session = answer.session else { return }
        if watch {
          try await SessionWatch(coordinator: coordinator, client: client).follow(session.name)
        } else {
          client.write(session) {
            "Started \(session.name). Watch it with: belay session watch \(lastPart(session.name))"
          }
        }
      }
    }
  }

  struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stop a job's running session.", discussion: StopOptions.discussion)

    @OptionGroup var argument: JobArgument
    @OptionGroup var stop: StopOptions

    @Flag(help: "Succeed where the job is not running.")
    var allowNotRunning = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.StopJobRequest()
      request.name = argument.name
      request.mode = stop.mode
      request.reason = stop.reason
      request.allowNotRunning = allowNotRunning
      request.escalation = stop.timeoutDuration.map { .timeout($0) }
      let answer = try await client.withCoordinator { [request] in
        try await $0.jobs.stopJob(request, options: client.call)
      }
      guard let session = answer.session else {
        if client.output == .text { print("\(argument.name) is not running.") }
        return
      }
      client.write(session) { StopOptions.text(answer.disposition, session) }
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete a job's definition. Its restore points stay.")

    @OptionGroup var argument: JobArgument
    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.DeleteJobRequest()
      request.name = argument.name
      _ = try await client.withCoordinator { [request] in
        try await $0.jobs.deleteJob(request, options: client.call)
      }
      if client.output == .text { print("Deleted \(argument.name). Its restore points stay.") }
    }
  }
}
