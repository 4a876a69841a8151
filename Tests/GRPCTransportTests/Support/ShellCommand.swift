import Glibc

/// A command of the shell, which inherits nothing of this process: no descriptor, no signal mask.
final class ShellCommand {
  let process: pid_t
  private var output: UnsafeMutablePointer<FILE>?

  /// What it prints, also on its standard error, comes from `next`.
  init(_ command: String) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      process = 0
      return
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    // Closing what is not open does no harm.
    for descriptor in 3..<1_024 {
      posix_spawn_file_actions_addclose(&actions, Int32(descriptor))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var arguments = ["sh", "-c", command].map { (text: String) in strdup(text) } + [nil]
    var made: pid_t = 0
    let failure = posix_spawn(&made, "/bin/sh", &actions, &attributes, &arguments, environ)
    process = failure == 0 ? made : 0
    for argument in arguments { free(argument) }
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
    close(ends[1])
    output = fdopen(ends[0], "r")
  }

  deinit { output.map { _ = fclose($0) } }

  /// The next line, as soon as it is there; nil: it prints no more.
  func next() -> String? {
    var line = [CChar](repeating: 0, count: 4_096)
    guard let output, fgets(&line, Int32(line.count), output) != nil else { return nil }
    return String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Waits for its end; returns 0 if it was successful.
  func wait() -> Int32 {
    var status: Int32 = -1
    return process > 0 && waitpid(process, &status, 0) == process ? status : -1
  }
}
