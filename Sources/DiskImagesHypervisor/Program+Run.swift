import Glibc
import Hypervisor

extension Program {
  /// What a program that ended left.
  struct Outcome {
    let succeeded: Bool
    let output: [UInt8]
    /// The end of its standard error, for messages.
    let complaint: String
  }

  /// Runs the program to its end and collects what it prints.
  ///
  /// Throws `timeout` at the deadline, `closed` soon after `isCancelled` says so (asked ten times a second),
  /// `invalid` for more output than `outputLimit`; the program is then killed and waited for.
  func run(
    _ arguments: [String], in directory: String = "/", deadline: Deadline,
    outputLimit: Int = 4 << 20, isCancelled: () -> Bool = { false }
  ) throws(HypervisorError) -> Outcome {
    var output = try Pipe()
    var complaint = try Pipe()
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null >= 0 else { throw .system("Cannot open /dev/null", errno) }
    let input = OwnedDescriptor(taking: null)
    let pid = try start(
      arguments, in: directory, descriptors: [input.number, output.writer, complaint.writer])
    output.closeWriter()
    complaint.closeWriter()
    var status: Int32 = 0
    do throws(HypervisorError) {
      while !output.isAtEnd || !complaint.isAtEnd {
        guard !isCancelled() else { throw HypervisorError(.closed, "\(name) was cancelled.") }
        guard !deadline.hasPassed else {
          throw HypervisorError(.timeout, "\(name) did not end in time and was killed.")
        }
        var waiting = [output.pollEntry, complaint.pollEntry]
        _ = poll(&waiting, 2, deadline.orIn(.milliseconds(100)).pollTimeout)
        if waiting[0].revents != 0 { output.drain(keepingLast: outputLimit + 1) }
        if waiting[1].revents != 0 { complaint.drain(keepingLast: 2048) }
        guard output.bytes.count <= outputLimit else {
          throw HypervisorError(.invalid, "\(name) printed more than \(outputLimit) bytes.")
        }
      }
    } catch {
      kill(pid, SIGKILL)
      waitpid(pid, &status, 0)
      throw error
    }
    // Both pipes are closed: the program has ended, or is about to.
    while waitpid(pid, &status, WNOHANG) == 0 {
      if deadline.hasPassed { kill(pid, SIGKILL) }
      Deadline(in: .milliseconds(2)).pause(.milliseconds(2))
    }
    let text = String(decoding: complaint.bytes, as: UTF8.self)
    return Outcome(
      succeeded: status == 0, output: output.bytes,
      complaint: text.split(separator: "\n").joined(separator: "; "))
  }
}

/// What a child prints, kept up to a bound.
private struct Pipe: ~Copyable {
  private let reader: OwnedDescriptor
  private var writerEnd: Int32
  private(set) var bytes: [UInt8] = []
  private(set) var isAtEnd = false

  init() throws(HypervisorError) {
    // Sockets, since pipe(2) cannot set close-on-exec at once.
    let pair = try UnixSocket.pair()
    writerEnd = fcntl(pair.theirs.number, F_DUPFD_CLOEXEC, 3)
    reader = pair.keepingOurs()
  }

  deinit { if writerEnd >= 0 { close(writerEnd) } }

  var writer: Int32 { writerEnd }

  mutating func closeWriter() {
    close(writerEnd)
    writerEnd = -1
  }

  var pollEntry: pollfd {
    pollfd(fd: isAtEnd ? -1 : reader.number, events: Int16(POLLIN), revents: 0)
  }

  /// Takes in what is there now; of all that came only the last `limit` bytes are kept.
  mutating func drain(keepingLast limit: Int) {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = read(reader.number, &chunk, chunk.count)
    if count > 0 {
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
    } else if count == 0 || errno != EINTR {
      isAtEnd = true
    }
  }
}
