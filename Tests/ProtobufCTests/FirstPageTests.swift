import Foundation
import Testing

/// What a newcomer copies from the first page of the documentation is what is compiled and run here.
@Suite("The first page of the documentation") struct FirstPageTests {
  private func text(_ path: String) throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The page's blocks of code of one language.
  private func blocks(_ language: String) throws -> [String] {
    try text("../../Sources/GRPC/GRPC.docc/GRPC.md").components(separatedBy: "\n```\(language)\n")
      .dropFirst().compactMap { $0.components(separatedBy: "```\n").first }
  }

  @Test("A server and a client are shown in under 40 lines, and are this program")
  func program() throws {
    let program = try text("FirstPage.swift")
    #expect(try blocks("swift").first == program)
    #expect(program.split(separator: "\n", omittingEmptySubsequences: false).count < 40)
  }

  @Test("The service is this proto file's, but for the first line")
  func service() throws {
    let proto = try text("Proto/greeter/v1/greeter.proto").split(
      separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    #expect(try blocks("proto").first == proto.last.map(String.init))
  }

  @Test("The program says hello", .timeLimit(.minutes(1)))
  func hello() async throws {
    #expect(try await greeting() == "Hello, world!")
  }
}
