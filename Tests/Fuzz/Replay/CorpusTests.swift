import Foundation
import FuzzTargets
import Testing

@Suite("What fuzzers have found")
struct CorpusTests {
  @Test("Every input of a target's corpus keeps its laws", arguments: FuzzTarget.allCases)
  func corpus(_ target: FuzzTarget) throws {
    let folder = try #require(Bundle.module.url(forResource: "Corpora", withExtension: nil))
      .appendingPathComponent(target.rawValue)
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    #expect(!files.isEmpty)
    for file in files.sorted(by: { $0.path < $1.path }) {
      do {
        try target.run([UInt8](Data(contentsOf: file)))
      } catch let error as BrokenLaw {
        Issue.record("\(file.lastPathComponent): \(error)")
      }
    }
  }
}
