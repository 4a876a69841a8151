import BackupModel
import Testing

@testable import Repository

@Suite("A repository is opened only if it is one")
struct OpeningTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func code(_ body: () throws -> Void) -> RepositoryError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? RepositoryError)?.code
    }
  }

  @Test("None is there: not found")
  func missing() {
    #expect(code { _ = try Repository.open(at: directory.path) } == .notFound)
    #expect(code { _ = try Repository.open(at: directory.path + "/none") } == .notFound)
    #expect(code { _ = try Repository.create(at: directory.path + "/no/parent") } == .notFound)
  }

  @Test("One is there, or something else: it is not made again")
  func present() throws {
    _ = try Repository.create(at: directory.path)
    #expect(code { _ = try Repository.create(at: directory.path) } == .alreadyExists)
    let other = try TemporaryDirectory()
    _ = try LocalFileSystem(at: other.path).create("precious")
    #expect(code { _ = try Repository.create(at: other.path) } == .alreadyExists)
  }

  @Test("A newer format, a setting that is not known, and a torn configuration are told apart")
  func configurations() throws {
    _ = try Repository.create(at: directory.path)
    let files = try LocalFileSystem(at: directory.path)
    let good = try files.readWhole(Layout.config, limit: 1 << 20)
    let json = String(decoding: good.dropLast(66), as: UTF8.self)
    func open(_ text: String, tornBy cut: Int = 0) throws -> RepositoryError.Code? {
      let digest = SHA256().digest(Array(text.utf8).span.bytes)
      let bytes = Array((text + "\n\(digest)\n").utf8).dropLast(cut)
      try files.removeFile(Layout.config)
      try files.writeWhole(Array(bytes), to: Layout.config)
      return code { _ = try Repository.open(at: directory.path) }
    }
    #expect(try open(json) == nil)
    #expect(try open(json.replacing("\"format\":1", with: "\"format\":2")) == .newerFormat)
    #expect(try open(json.replacing("\"none\"", with: "\"aes-256-gcm\"")) == .newerFormat)
    #expect(try open(json.replacing("\"keys\"", with: "\"kews\"")) == .newerFormat)
    #expect(try open("{}") == .damaged)
    #expect(try open("[[[[[[[[[[[[[[[[[[[[") == .damaged)
    for cut in 1...70 { #expect(try open(json, tornBy: cut) == .damaged, "cut by \(cut)") }
  }
}
