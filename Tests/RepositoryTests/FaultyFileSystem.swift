import Synchronization

@testable import Repository

/// The real file system until its n-th call that changes something.
final class FaultyFileSystem: FileSystem {
  enum Fault: String, CaseIterable, Sendable {
    /// The call fails, and the next ones work.
    case error
    /// The process dies before the call: what was done stays as it is.
    case kill
    /// The power goes before the call: what was not made durable is gone, or torn.
    case powerCut
  }

  private struct State {
    var calls = 0
    var isDead = false
    /// Files with bytes that are not durable, by their present path.
    var unsynchronized: Set<String> = []
    /// Changes of names that are not durable: in which directory, and how to take them back.
    var names: [(directory: String, undo: @Sendable () throws -> Void)] = []
  }

  private let real: LocalFileSystem
  private let fault: Fault
  private let failing: Int
  private let state = Mutex(State())

  init(at path: String, _ fault: Fault, atCall failing: Int) throws(RepositoryError) {
    real = try LocalFileSystem(at: path)
    self.fault = fault
    self.failing = failing
  }

  /// How many calls were made that change something.
  var calls: Int { state.withLock { $0.calls } }

  private func count() throws(RepositoryError) {
    try state.withLock { state throws(RepositoryError) in
      defer { state.calls += 1 }
      guard !state.isDead, state.calls != failing else {
        state.isDead = fault != .error
        throw RepositoryError(.storage, "a fault at call \(state.calls)")
      }
    }
  }

  private func note(_ directory: String, undo: @escaping @Sendable () throws -> Void) {
    state.withLock { $0.names.append((directory, undo)) }
  }

  /// What the disk holds after a power cut: nothing that was not made durable, the youngest change taken back first.
  func losePower() throws {
    for path in state.withLock({ $0.unsynchronized }) {
      guard let bytes = try? real.readWhole(path, limit: 1 << 30) else { continue }
      try real.removeFile(path)
      let torn = try real.create(path)
      try real.write(Array(bytes.prefix(bytes.count / 2)).span.bytes, to: torn, at: 0)
    }
    for name in state.withLock({ $0.names }).reversed() {
      // What is not there any more went with a directory that was not durable either.
      do { try name.undo() } catch let error as RepositoryError where error.code == .notFound {}
    }
  }

  private func parent(_ path: String) -> String {
    path.contains("/") ? path.split(separator: "/").dropLast().joined(separator: "/") : "."
  }

  func makeDirectory(_ path: String) throws(RepositoryError) {
    try count()
    try real.makeDirectory(path)
    note(parent(path)) { [real] in try Self.removeAll(path, real) }
  }

  /// Removes a directory that was never durable, with all in it.
  private static func removeAll(_ path: String, _ files: LocalFileSystem) throws {
    for name in try files.list(path) {
      let inner = "\(path)/\(name)"
      if try files.directoryExists(inner) {
        try removeAll(inner, files)
      } else {
        try files.removeFile(inner)
      }
    }
    try files.removeDirectory(path)
  }

  func list(_ path: String) throws(RepositoryError) -> [String] { try real.list(path) }

  func create(_ path: String) throws(RepositoryError) -> OpenFile {
    try count()
    let file = try real.create(path)
    note(parent(path)) { [real] in try real.removeFile(path) }
    return file
  }

  func open(_ path: String) throws(RepositoryError) -> OpenFile { try real.open(path) }

  func write(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError) {
    try count()
    try real.write(bytes, to: file, at: offset)
    state.withLock { _ = $0.unsynchronized.insert(file.path) }
  }

  func synchronize(_ file: OpenFile) throws(RepositoryError) {
    try count()
    state.withLock { _ = $0.unsynchronized.remove(file.path) }
  }

  func synchronizeDirectory(_ path: String) throws(RepositoryError) {
    try count()
    _ = try real.list(path)
    state.withLock { $0.names.removeAll { $0.directory == path } }
  }

  func move(_ source: String, to target: String) throws(RepositoryError) {
    try count()
    try real.move(source, to: target)
    state.withLock { state in
      if state.unsynchronized.remove(source) != nil { state.unsynchronized.insert(target) }
    }
    note(parent(target)) { [real] in
      // With its old directory gone for good, the file is gone too.
      do throws(RepositoryError) { try real.move(target, to: source) } catch {
        guard error.code == .notFound else { throw error }
        try real.ensureRemoved(target)
      }
    }
  }

  func moveDirectory(_ source: String, to target: String) throws(RepositoryError) {
    try count()
    try real.moveDirectory(source, to: target)
    note(parent(target)) { [real] in try real.moveDirectory(target, to: source) }
  }

  func removeFile(_ path: String) throws(RepositoryError) {
    try count()
    let bytes = try real.readWhole(path, limit: 1 << 30)
    try real.removeFile(path)
    note(parent(path)) { [real] in
      try real.write(bytes.span.bytes, to: real.create(path), at: 0)
    }
  }

  func removeDirectory(_ path: String) throws(RepositoryError) {
    try count()
    try real.removeDirectory(path)
    note(parent(path)) { [real] in try real.makeDirectory(path) }
  }
}

/// The real file system without its waits for the disk.
struct HastyFileSystem: FileSystem {
  let real: LocalFileSystem

  init(at path: String) throws(RepositoryError) { real = try LocalFileSystem(at: path) }

  func makeDirectory(_ path: String) throws(RepositoryError) { try real.makeDirectory(path) }
  func list(_ path: String) throws(RepositoryError) -> [String] { try real.list(path) }
  func create(_ path: String) throws(RepositoryError) -> OpenFile { try real.create(path) }
  func open(_ path: String) throws(RepositoryError) -> OpenFile { try real.open(path) }
  func write(_ bytes: RawSpan, to file: OpenFile, at offset: UInt64) throws(RepositoryError) {
    try real.write(bytes, to: file, at: offset)
  }
  func synchronize(_ file: OpenFile) throws(RepositoryError) {}
  func synchronizeDirectory(_ path: String) throws(RepositoryError) { _ = try real.list(path) }
  func move(_ source: String, to target: String) throws(RepositoryError) {
    try real.move(source, to: target)
  }
  func moveDirectory(_ source: String, to target: String) throws(RepositoryError) {
    try real.moveDirectory(source, to: target)
  }
  func removeFile(_ path: String) throws(RepositoryError) { try real.removeFile(path) }
  func removeDirectory(_ path: String) throws(RepositoryError) { try real.removeDirectory(path) }
}

extension Environment {
  static func hasty(threads: Int = 2) -> Environment {
    var environment = Environment.threads(threads)
    environment.openFileSystem = { path throws(RepositoryError) in try HastyFileSystem(at: path) }
    return environment
  }
}
