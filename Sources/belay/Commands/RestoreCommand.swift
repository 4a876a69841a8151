import ArgumentParser
import BelayAPI
import Foundation

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Restore a restore point to disk images.",
    discussion: """
      A worker writes the disks beside the target, verifies them, and then renames them into place: the target \
      is absent or whole. It runs as a session of a Restore job: `belay session stop --immediate` cancels it \
      and removes what was written. Example:
        belay restore 20261122-nightly-1.4 --to /srv/restored/db01 --format qcow2
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case raw
    case qcow2
    case vhdx
    case vmdk

    var value: BelayV1.DiskImageFormat {
      switch self {
      case .raw: .raw
      case .qcow2: .qcow2
      case .vhdx: .vhdx
      case .vmdk: .vmdk
      }
    }
  }

  @OptionGroup var argument: RestorePointArgument

  @Option(name: .customLong("to"), help: "The directory to make on the worker; it must not exist.")
  var target: String

  @Option(help: "The images' format: raw, qcow2, vhdx or vmdk.")
  var format = Format.raw

  @Option(help: "The job's id. Default: made from the restore point's.")
  var id: String?

  @Flag(help: "Return when the restore has started, instead of following it.")
  var detach = false

  @OptionGroup var client: ClientOptions

  func run() async throws {
    try await client.withCoordinator { coordinator in
      var lookup = BelayV1.GetRestorePointRequest()
      lookup.name = argument.name
      let found = try await coordinator.restorePoints.getRestorePoint(lookup, options: client.call)
      var create = BelayV1.CreateJobRequest()
      create.jobID = id ?? Self.jobID(for: argument.name)
      create.job = definition(of: found.restorePoint ?? BelayV1.RestorePoint())
      let created = try await coordinator.jobs.createJob(create, options: client.call)
      var start = BelayV1.StartJobRequest()
      start.name = created.job?.name ?? ""
      let answer = try await coordinator.jobs.startJob(start, options: client.call)
      guard let session = answer.session else { return }
      guard !detach else {
        client.write(session) { "Restoring as \(session.name)." }
        return
      }
      try await SessionWatch(coordinator: coordinator, client: client).follow(session.name)
    }
  }

  private func definition(of point: BelayV1.RestorePoint) -> BelayV1.Job {
    var restore = BelayV1.RestoreSettings()
    restore.restorePoint = point.name
    restore.targetDirectory = URL(fileURLWithPath: target).standardizedFileURL.path
    restore.format = format.value
    var settings = BelayV1.JobSettings()
    settings.repository = point.repository
    settings.restore = restore
    var object = BelayV1.JobObject()
    object.virtualMachine = point.virtualMachine
    object.hypervisor = "disk-images"
    var job = BelayV1.Job()
    job.type = .restore
    job.settings = settings
    job.objects = [object]
    return job
  }

  /// Unique by its time, so that the same point can be restored again.
  private static func jobID(for point: String) -> String {
    let time = Int(Date().timeIntervalSince1970 * 1000)
    let tail = lastPart(point).map { $0.isLetter || $0.isNumber ? $0 : "-" }
    return "restore-" + String(tail.suffix(30)).trimmingCharacters(in: ["-"]) + "-\(time)"
  }
}
