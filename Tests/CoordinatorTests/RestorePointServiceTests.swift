import BackupModel
import BelayAPI
import Coordinator
import GRPC
import Testing

@Suite(.timeLimit(.minutes(2))) struct RestorePointServiceTests {
  private static let points = (1...5).reversed().map { number in
    CatalogedRestorePoint(
      summary: RestorePointSummary(
        id: RestorePointID(task: TaskID(session: SessionID(rawValue: "s\(number)"), ordinal: 1)),
        virtualMachine: VirtualMachineID(rawValue: number == 3 ? "vm3" : "vm1"),
        repository: RepositoryID(rawValue: "main"),
        manifestDigest: String(repeating: "a", count: 64), logicalBytes: 100, storedBytes: 25),
      job: JobID(rawValue: "nightly"), created: Timestamp(nanosecondsSinceEpoch: 0),
      disks: [.init(id: DiskID(rawValue: "disk0"), size: 100)])
  }

  @Test("Restore points are listed in the catalog's order, each once over the pages")
  func list() async throws {
    try await Bench.run(catalog: MemoryCatalog(points: Self.points)) { bench in
      var names: [String] = []
      var token = ""
      repeat {
        let page = try await bench.restorePoints.listRestorePoints(
          .init(pageSize: 2, pageToken: token))
        names += page.restorePoints.map(\.name)
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(names == (1...5).reversed().map { "restorePoints/s\($0).1" })
      let own = try await bench.restorePoints.listRestorePoints(
        .init(virtualMachine: "vm1", source: "jobs/nightly/sessions/s2"))
      #expect(own.restorePoints.map(\.session) == ["jobs/nightly/sessions/s2"])
    }
  }

  @Test("A restore point that is not there is NOT_FOUND; damage is an answer, not an error")
  func verify() async throws {
    var catalog = MemoryCatalog(points: Self.points)
    catalog.damages = [.init(disk: "disk0", offset: 4096, length: 512, message: "digest differs")]
    try await Bench.run(catalog: catalog) { bench in
      let missing = await refusal {
        try await bench.restorePoints.getRestorePoint(.init(name: "restorePoints/s9.1"))
      }
      #expect(missing?.0.code == .notFound && missing?.reason == "RESTORE_POINT_NOT_FOUND")
      let verified = try await bench.restorePoints.verifyRestorePoint(
        .init(name: "restorePoints/s1.1"))
      #expect(!verified.intact && verified.level == .content)
      #expect(verified.damages.map(\.offsetBytes) == [4096])
      let readBack = await refusal {
        try await bench.restorePoints.verifyRestorePoint(
          .init(name: "restorePoints/s1.1", level: .readBack))
      }
      #expect(readBack?.0.code == .unimplemented)
    }
  }
}
