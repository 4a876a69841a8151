import BackupModel
import CZstd
import Glibc
import Testing

@testable import Repository

/// The bytes of format 1 that people keep. After a deliberate change of what is written (never of what is read), write
/// them anew with BELAY_WRITE_GOLDEN=1 in the environment.
@Suite("Format 1 stays what it is")
struct GoldenTests {
  private static let golden =
    #filePath.split(separator: "/").dropLast()
    .reduce("") { $0 + "/" + $1 } + "/Golden/format-1"

  /// Noise, text, zeros, and the noise once more at another place.
  private static let disk: MemoryDisk = {
    var numbers = SeededNumbers(seed: 1)
    let noise = numbers.bytes(20_480)
    let text = numbers.text(40_960)
    let zeros = [UInt8](repeating: 0, count: 8192)
    return MemoryDisk(bytes: noise + text + zeros + noise + [1, 2, 3])
  }()

  private func write(at path: String) throws {
    let repository = try Repository.create(at: path, .fixed())
    try repository.backUp(attempt(), [Self.disk, MemoryDisk(bytes: [])])
  }

  // The compressed bytes are those of one release of libzstd; others read them.
  @Test("What is written is the golden bytes", .enabled(if: ZSTD_versionNumber() == 10504))
  func writing() throws {
    if getenv("BELAY_WRITE_GOLDEN") != nil {
      mkdir(Self.golden, 0o755)
      try write(at: Self.golden)
    }
    let directory = try TemporaryDirectory()
    try write(at: directory.path)
    let written = try visibleFiles(LocalFileSystem(at: directory.path))
    let golden = try visibleFiles(LocalFileSystem(at: Self.golden))
    #expect(written.keys.sorted() == golden.keys.sorted())
    for (path, bytes) in golden { #expect(written[path] == bytes, "\(path)") }
  }

  @Test("What was written once is read for ever")
  func reading() throws {
    let repository = try Repository.open(at: Self.golden)
    guard case .whole(let point, let summary)? = try repository.restorePoints().first else {
      Issue.record("the golden restore point is not listed")
      return
    }
    #expect(
      summary.manifestDigest
        == "e557fba1e3a803c6ab7b159ea6d9a0179ce9edff39de24a2bc923d054c54f785")
    #expect(point.job.rawValue == "nightly")
    #expect(try repository.restore(point.id).disks.map(\.bytes) == [Self.disk.bytes, []])
    #expect(try repository.verify(.trees).isEmpty)
  }

  @Test(
    "A reader that shares no line with this one reads the same disks",
    .enabled(if: access("/usr/bin/python3", X_OK) == 0))
  func independentReader() throws {
    let point = try #require(try LocalFileSystem(at: Self.golden).list("points/db").first)
    let command =
      "/usr/bin/python3 '\(Self.golden)/../read-format-1.py' '\(Self.golden)' "
      + "'\(Self.golden)/points/db/\(point)'"
    let pipe = try #require(popen(command, "r"))
    var output = [CChar](repeating: 0, count: 4096)
    let count = fread(&output, 1, output.count - 1, pipe)
    #expect(pclose(pipe) == 0)
    let text = String(decoding: output[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let expected = [Self.disk.bytes, []].enumerated().map { number, bytes in
      "disk\(number) \(bytes.count) \(SHA256().digest(bytes.span.bytes))\n"
    }
    #expect(text == expected.joined())
  }
}
