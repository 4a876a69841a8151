import Glibc

/// A whole file in memory, read as it is needed. Its file never changes nor shrinks while it is in the repository.
final class MappedFile: Sendable {
  // SAFETY: the mapping is read-only, lives exactly as long as this object, and is lent out only within withBytes.
  nonisolated(unsafe) private let memory: UnsafeRawBufferPointer

  /// Maps `file`. Throws `damaged` if it is empty.
  init(_ file: OpenFile) throws(RepositoryError) {
    let size = try file.size()
    guard size > 0, let length = Int(exactly: size) else {
      throw RepositoryError(.damaged, "\(file.path): \(size) bytes long")
    }
    let start = mmap(nil, length, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
    guard let start, start != MAP_FAILED else { throw systemError("cannot map", file.path) }
    memory = UnsafeRawBufferPointer(start: start, count: length)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress), memory.count) }

  /// Lends the bytes until `body` returns.
  func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(memory.bytes)
  }
}
