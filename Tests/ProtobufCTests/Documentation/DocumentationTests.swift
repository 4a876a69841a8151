import Foundation
import Testing

/// Every block of Swift in the documentation of the RPC library is compiled: it is the text of a marked
/// part of the files here, or of the first page's program.
@Suite("The documentation's code") struct DocumentationTests {
  private static let modules = ["GRPC", "GRPCTransport", "GRPCServices", "HTTP2", "WellKnownTypes"]

  private static let here = URL(filePath: #filePath).deletingLastPathComponent()

  private static func text(_ file: URL) throws -> String {
    try String(contentsOf: file, encoding: .utf8)
  }

  /// The blocks of each page, as they are shown.
  private static func shown() throws -> [String: [String]] {
    var blocks: [String: [String]] = [:]
    for module in modules {
      let catalogue = here.appending(path: "../../../Sources/\(module)/\(module).docc")
      for name in try FileManager.default.contentsOfDirectory(atPath: catalogue.path)
      where name.hasSuffix(".md") {
        let parts = try text(catalogue.appending(path: name)).components(separatedBy: "```swift\n")
        blocks["\(module)/\(name.dropLast(3))"] = parts.dropFirst().compactMap {
          $0.components(separatedBy: "```\n").first
        }
      }
    }
    return blocks.filter { !$0.value.isEmpty }
  }

  /// The marked parts of the files here, without the indentation of their marks.
  private static func compiled() throws -> [String: [String]] {
    var blocks: [String: [String]] = [
      "GRPC/GRPC": [try text(here.appending(path: "../FirstPage.swift"))]
    ]
    for name in ["GRPCSnippets.swift", "TransportSnippets.swift"] {
      var page: (name: String, indentation: Int, lines: [Substring])?
      for line in try text(here.appending(path: name)).split(
        separator: "\n", omittingEmptySubsequences: false)
      {
        let indentation = line.prefix { $0 == " " }.count
        let words = line.dropFirst(indentation)
        if words.hasPrefix("// snippet: ") {
          page = (String(words.dropFirst(12)), indentation, [])
        } else if words == "// end", let ended = page {
          blocks[ended.name, default: []].append(ended.lines.joined(separator: "\n") + "\n")
          page = nil
        } else if let indentation = page?.indentation {
          page?.lines.append(line.dropFirst(min(indentation, line.count)))
        }
      }
    }
    return blocks
  }

  @Test("Each block that a page shows is compiled, and each that is compiled for it is shown")
  func blocks() throws {
    let shown = try Self.shown()
    let compiled = try Self.compiled()
    #expect(shown.keys.sorted() == compiled.keys.sorted())
    for (page, blocks) in shown { #expect(blocks == compiled[page], "\(page)") }
    #expect(shown.count >= 8)
  }
}
