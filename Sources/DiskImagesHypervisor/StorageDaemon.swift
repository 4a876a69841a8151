import CLinux
import Glibc
import Hypervisor
import Synchronization

/// The storage daemon processes that were started for checkpoints, by whichever worker.
///
/// A daemon runs in its checkpoint's directory, which no other process of that program does: this identifies it,
/// with nothing to be recorded and nothing that a recycled process id could falsify.
struct StorageDaemon {
  let directory: CheckpointDirectory

  /// Starts the daemon and returns the monitor connection it was born with. It holds the checkpoint's lock from its
  /// first instant and outlives this process.
  func start(
    _ lock: borrowing CheckpointDirectory.Lock, _ children: Children, deadline: Deadline
  ) throws(HypervisorError) -> QMPConnection {
    let logPath = "\(directory.path)/\(CheckpointDirectory.logFile)"
    let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard log >= 0 else { throw .system("Cannot make \(logPath)", errno) }
    let logDescriptor = OwnedDescriptor(taking: log)
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null >= 0 else { throw .system("Cannot open /dev/null", errno) }
    let nullDescriptor = OwnedDescriptor(taking: null)
    let sockets = try UnixSocket.pair()
    let pid = try Program.storageDaemon.start(
      ["--chardev", "socket,id=qmp,fd=3", "--monitor", "chardev=qmp"], in: directory.path,
      descriptors: [
        nullDescriptor.number, logDescriptor.number, logDescriptor.number, sockets.theirs.number,
        lock.inheritable,
      ])
    children.add(pid, in: directory)
    // The log is the only file that it writes; this bounds it.
    var bound = rlimit(rlim_cur: 16 << 20, rlim_max: 16 << 20)
    prlimit(pid, Int32(RLIMIT_FSIZE.rawValue), &bound, nil)
    do {
      return try QMPConnection(
        taking: sockets.keepingOurs(), peer: Program.storageDaemon.name, deadline: deadline)
    } catch {
      throw HypervisorError(error.code, "\(error.message) It printed: \(complaint)")
    }
  }

  /// The end of what the daemon printed.
  private var complaint: String {
    let number = open("\(directory.path)/\(CheckpointDirectory.logFile)", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return "nothing" }
    let descriptor = OwnedDescriptor(taking: number)
    let end = lseek(descriptor.number, 0, Int32(SEEK_END))
    lseek(descriptor.number, max(0, end - 2048), Int32(SEEK_SET))
    var bytes = [UInt8](repeating: 0, count: 2048)
    let count = read(descriptor.number, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : "nothing"
  }

  /// Ends every daemon of this checkpoint, at once: it has only read, so there is nothing to finish.
  func kill() {
    for pid in running() {
      // A handle of the process; asked again once it is held, since the number alone could mean another by now.
      let handle = pidfd_open(pid, 0)
      guard handle >= 0 else { continue }
      let descriptor = OwnedDescriptor(taking: handle)
      if isOurs(pid) { pidfd_send_signal(descriptor.number, SIGKILL, nil, 0) }
    }
  }

  /// The processes that run the program in the directory, also if that was deleted. Zombies do not count.
  func running() -> [pid_t] {
    (fileNames(in: "/proc") ?? []).compactMap { pid_t($0) }.filter(isOurs)
  }

  private func isOurs(_ pid: pid_t) -> Bool {
    guard let place = linkTarget("/proc/\(pid)/cwd"),
      place == directory.path || place == directory.path + " (deleted)",
      let program = linkTarget("/proc/\(pid)/exe")?.split(separator: "/").last
    else { return false }
    return program.hasPrefix(Program.storageDaemon.name)
  }

  private func linkTarget(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &bytes, bytes.count - 1)
    guard count > 0 else { return nil }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// The daemons that this process started: it alone can free their process entries when they have ended.
final class Children: Sendable {
  private let directories = Mutex<[pid_t: String]>([:])

  func add(_ pid: pid_t, in directory: CheckpointDirectory) {
    directories.withLock { $0[pid] = directory.path }
  }

  /// Frees the entries of those that have ended. Does not wait.
  func reap() {
    directories.withLock { directories in
      for pid in directories.keys where waitpid(pid, nil, WNOHANG) != 0 {
        directories[pid] = nil
      }
    }
  }

  /// Whether one that was started in `directory` still has an entry.
  func remain(in directory: CheckpointDirectory) -> Bool {
    reap()
    return directories.withLock { $0.values.contains(directory.path) }
  }
}
