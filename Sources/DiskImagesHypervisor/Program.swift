import CLinux
import Glibc
import Hypervisor

/// Starts programs with an exact set of descriptors, in a session of their own, so that Ctrl-C at the terminal of
/// the worker does not reach them.
struct Program {
  /// The file name, looked for in PATH, or an absolute path.
  let name: String
  /// The Debian package that brings it, for the error when it is missing.
  let package: String

  static let storageDaemon = Program(name: "qemu-storage-daemon", package: "qemu-system-common")
  static let imageTool = Program(name: "qemu-img", package: "qemu-utils")

  /// Starts it. `descriptors` become the child's 0, 1, 2 and so on; it gets no other.
  func start(
    _ arguments: [String], in directory: String, descriptors: [Int32]
  ) throws(HypervisorError) -> pid_t {
    // First out of the way, so that no dup2 overwrites a source that is still to be used.
    var sources: [Int32] = []
    defer { for source in sources { close(source) } }
    for descriptor in descriptors {
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, Int32(descriptors.count) + 64)
      guard copy >= 0 else { throw .system("Cannot start \(name)", errno) }
      sources.append(copy)
    }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in sources.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, Int32(descriptors.count))
    posix_spawn_file_actions_addchdir_np(&actions, directory)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = Int32(SPAWN_SETSID) | Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    // Not the worker's environment: that may hold secrets, and its locale would translate messages.
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    let environment = CStrings(["PATH=\(path)", "LC_ALL=C"])
    let argumentList = CStrings([name] + arguments)
    var pid: pid_t = 0
    let code = posix_spawnp(
      &pid, name, &actions, &attributes, argumentList.pointers, environment.pointers)
    guard code == 0 else {
      if code == ENOENT || code == EACCES {
        throw HypervisorError(
          .failed,
          "Cannot start \(name): no such program in PATH (\(path)). Install the Debian package \(package)."
        )
      }
      throw .system("Cannot start \(name)", code)
    }
    return pid
  }
}

/// A null-terminated array of C strings, as execve(2) takes it.
private final class CStrings {
  let pointers: [UnsafeMutablePointer<CChar>?]

  init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }

  deinit { for pointer in pointers { free(pointer) } }
}
