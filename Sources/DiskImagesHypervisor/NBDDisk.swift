import BackupModel
import Glibc
import Hypervisor
import Synchronization

/// A frozen disk, read over NBD: a connection for each thread that reads at the same time, kept for the next read.
final class NBDDisk: FrozenDisk {
  /// Idle connections beyond these are closed.
  private static let idleLimit = 8

  let size: UInt64

  private struct State {
    var isClosed = false
    var idle: [NBDConnection] = []
    var busy: [NBDConnection] = []
  }

  private let state = Mutex(State())
  private let directory: CheckpointDirectory
  private let socketDirectory: String
  private let export: String
  private let files: [WatchedFile]
  private let room: ScratchRoom?

  /// Opens the first connection, so that a disk that cannot be read is known at once. With `room`, reading ends when
  /// there is too little of it.
  init(
    _ disk: CheckpointState.Disk, in directory: CheckpointDirectory, socketDirectory: String,
    room: ScratchRoom?
  ) throws(HypervisorError) {
    self.directory = directory
    self.socketDirectory = socketDirectory
    self.room = room
    export = disk.export
    size = disk.size
    var files: [WatchedFile] = []
    for stamp in disk.files { files.append(try WatchedFile(stamp)) }
    self.files = files
    let connection = try acquire()
    release(connection)
    guard connection.size >= size else {
      throw HypervisorError(
        .invalid,
        "The frozen disk \(disk.export) has \(connection.size) bytes where \(size) were expected.")
    }
  }

  deinit { close() }

  func extents(in range: Range<UInt64>) throws(HypervisorError) -> [DiskExtent] {
    try check(range)
    guard !range.isEmpty else { return [] }
    let connection = try acquire()
    do throws(HypervisorError) {
      let extents = try connection.extents(in: range)
      release(connection)
      try checkSurroundings()
      return extents
    } catch {
      release(connection)
      throw explained(error)
    }
  }

  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(HypervisorError) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(buffer.byteCount))
    guard !overflow else { throw outOfBounds }
    try check(offset..<end)
    guard buffer.byteCount > 0 else { return }
    let connection = try acquire()
    do throws(HypervisorError) {
      try connection.read(at: offset, into: &buffer)
      release(connection)
      try checkSurroundings()
    } catch {
      release(connection)
      throw explained(error)
    }
  }

  func close() {
    let idle = state.withLock { state in
      state.isClosed = true
      for connection in state.busy { connection.cut() }
      defer { state.idle = [] }
      return state.idle
    }
    // Closed as they go, outside the lock.
    _ = consume idle
  }

  private func acquire() throws(HypervisorError) -> NBDConnection {
    let idle = try state.withLock { state throws(HypervisorError) in
      guard !state.isClosed else { throw closed }
      let connection = state.idle.popLast()
      if let connection { state.busy.append(connection) }
      return connection
    }
    if let idle { return idle }
    let connection = try connect()
    try state.withLock { state throws(HypervisorError) in
      guard !state.isClosed else { throw closed }
      state.busy.append(connection)
    }
    return connection
  }

  private func connect() throws(HypervisorError) -> NBDConnection {
    // Short, since close() does not cut a connection that is only just being made.
    let deadline = Deadline(in: .milliseconds(900))
    do throws(HypervisorError) {
      switch try UnixSocket.connect(
        to: CheckpointDirectory.socketFile, in: socketDirectory, deadline: deadline)
      {
      case .nobodyThere:
        throw HypervisorError(
          .failed, "The storage daemon behind \(export) is gone (\(socketDirectory)).")
      case .connected(let socket):
        return try NBDConnection(taking: socket, export: export, deadline: deadline)
      }
    } catch {
      throw explained(error)
    }
  }

  private func release(_ connection: NBDConnection) {
    state.withLock { state in
      state.busy.removeAll { $0 === connection }
      guard connection.isUsable, !state.isClosed, state.idle.count < Self.idleLimit else { return }
      state.idle.append(connection)
    }
  }

  private func checkSurroundings() throws(HypervisorError) {
    for file in files { try file.check() }
    try room?.check()
  }

  private func check(_ range: Range<UInt64>) throws(HypervisorError) {
    guard range.upperBound <= size else { throw outOfBounds }
  }

  /// What lies behind a failure, if more is known than the failure says.
  private func explained(_ error: HypervisorError) -> HypervisorError {
    if state.withLock({ $0.isClosed }) { return closed }
    guard directory.exists else {
      return HypervisorError(.closed, "Reading of \(export) ended: its checkpoint was removed.")
    }
    return error
  }

  private var closed: HypervisorError {
    HypervisorError(.closed, "Reading of \(export) ended: the disk was closed.")
  }

  private var outOfBounds: HypervisorError {
    HypervisorError(.invalid, "A read of \(export) goes past its end at \(size) bytes.")
  }
}

/// A file that must stay as it is while a frozen disk is read.
private final class WatchedFile: Sendable {
  private let stamp: FileStamp
  private let descriptor: OwnedDescriptor

  init(_ stamp: FileStamp) throws(HypervisorError) {
    let number = open(stamp.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard number >= 0 else { throw .system("Cannot open \(stamp.path)", errno) }
    self.stamp = stamp
    descriptor = OwnedDescriptor(taking: number)
    try check()
  }

  func check() throws(HypervisorError) { try stamp.check(descriptor) }
}
