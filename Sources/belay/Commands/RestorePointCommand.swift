import ArgumentParser
import BelayAPI

struct RestorePointCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore-point",
    abstract: "See restore points and check them.",
    subcommands: [List.self, Show.self, Verify.self])
}

/// A restore point as people type it: `ID`, or `restorePoints/ID`.
struct RestorePointArgument: ParsableArguments {
  @Argument(help: "The restore point: its id or its name, restorePoints/ID.")
  var restorePoint: String

  var name: String { fullName(restorePoint, in: "restorePoints") }
}

extension RestorePointCommand {
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List restore points, newest first.")

    @Option(name: .customLong("vm"), help: "Only restore points of this VM.")
    var virtualMachine = ""

    @Option(help: "Only this repository's.")
    var repository = ""

    @OptionGroup var client: ClientOptions

    func run() async throws {
      let points = try await client.withCoordinator { coordinator in
        try await allPages { token in
          var request = BelayV1.ListRestorePointsRequest()
          request.virtualMachine = virtualMachine
          request.repository = repository.isEmpty ? "" : fullName(repository, in: "repositories")
          request.pageToken = token
          let page = try await coordinator.restorePoints.listRestorePoints(
            request, options: client.call)
          return (page.restorePoints, page.nextPageToken)
        }
      }
      client.write(points, empty: "There is no restore point.") {
        var table = TextTable("RESTORE POINT", "VM", "JOB", "CREATED", "SIZE", "STORED")
        for point in points {
          table.add(
            lastPart(point.name), point.virtualMachine, lastPart(point.job), text(point.createTime),
            Quantities.bytes(point.logicalBytes), Quantities.bytes(point.storedBytes))
        }
        return table.text
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show a restore point and its disks.")

    @OptionGroup var argument: RestorePointArgument
    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.GetRestorePointRequest()
      request.name = argument.name
      let answer = try await client.withCoordinator { [request] in
        try await $0.restorePoints.getRestorePoint(request, options: client.call)
      }
      guard let point = answer.restorePoint else { return }
      client.write(point) {
        var lines = [
          "\(lastPart(point.name)): \(point.virtualMachine), \(text(point.createTime))",
          "session \(point.session), repository \(point.repository)",
          "\(Quantities.bytes(point.logicalBytes)) of disks, "
            + "\(Quantities.bytes(point.storedBytes)) added to the repository",
          "manifest SHA-256 \(point.manifestDigest)",
        ]
        for disk in point.disks {
          lines.append("  \(disk.disk)  \(Quantities.bytes(disk.sizeBytes))")
        }
        return lines.joined(separator: "\n")
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check a restore point; exit code \(ExitStatus.damaged.rawValue) if it is damaged.")

    enum Level: String, ExpressibleByArgument, CaseIterable {
      /// Stored checksums only.
      case checksums
      /// Every chunk is decompressed and hashed.
      case content

      var value: BelayV1.VerificationLevel { self == .checksums ? .checksums : .content }
    }

    @OptionGroup var argument: RestorePointArgument

    @Option(help: "checksums (fast) or content (reads and hashes everything).")
    var level = Level.content

    @OptionGroup var client: ClientOptions

    func run() async throws {
      var request = BelayV1.VerifyRestorePointRequest()
      request.name = argument.name
      request.level = level.value
      // As long as reading takes.
      let answer = try await client.withCoordinator { [request] in
        try await $0.restorePoints.verifyRestorePoint(request, options: client.call(within: nil))
      }
      client.write(answer) { Self.text(of: answer) }
      guard answer.intact else { throw ExitStatus.damaged.exit }
    }

    private static func text(of answer: BelayV1.VerifyRestorePointResponse) -> String {
      guard !answer.intact else {
        return "Intact: \(Quantities.bytes(answer.verifiedBytes)) verified."
      }
      var lines = ["DAMAGED. What is whole can still be restored."]
      for damage in answer.damages {
        let end = damage.offsetBytes + damage.lengthBytes
        lines.append(
          "  \(damage.virtualMachine) \(damage.disk) bytes \(damage.offsetBytes)..<\(end): \(damage.message)"
        )
      }
      if answer.damagesTruncated { lines.append("  … and more.") }
      return lines.joined(separator: "\n")
    }
  }
}
