import Glibc

/// Which file a path led to, and in which state: another stamp, another content.
struct FileStamp: Equatable {
  private let device: UInt
  private let inode: UInt
  private let size: Int
  private let modified: [Int]

  /// Nil: there is no such file.
  init?(path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    self.init(info)
  }

  fileprivate init(_ info: stat) {
    device = UInt(info.st_dev)
    inode = UInt(info.st_ino)
    size = Int(info.st_size)
    modified = [
      info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec,
    ]
  }
}

/// A file of PEM text as it was read.
struct PEMFile {
  let bytes: [UInt8]
  let stamp: FileStamp

  private static let limit = 1 << 20

  /// Why a file can't be read.
  struct Unreadable: Error {
    let reason: String
  }

  /// Blocks for as long as the file system does.
  init(path: String) throws(Unreadable) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Unreadable(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
      throw Unreadable(reason: "it is not a regular file")
    }
    var bytes = [UInt8](repeating: 0, count: Self.limit + 1)
    var count = 0
    while count <= Self.limit {
      let space = bytes.count - count
      let got = bytes.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { read(descriptor, $0 + count, space) } ?? 0
      }
      if got < 0 { throw Unreadable(reason: String(cString: strerror(errno))) }
      if got == 0 { break }
      count += got
    }
    guard count <= Self.limit else { throw Unreadable(reason: "it is larger than 1 MiB") }
    self.bytes = Array(bytes[..<count])
    stamp = FileStamp(info)
  }
}
