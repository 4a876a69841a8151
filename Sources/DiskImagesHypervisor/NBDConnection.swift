import BackupModel
import CNBD
import Glibc
import Hypervisor

/// One connection to an NBD export, the owner of its libnbd handle.
///
/// SAFETY: `@unchecked Sendable`, since the handle is touched by one thread at a time: `NBDDisk` lends a connection
/// to one reader and takes it back after. Only ``cut()`` may come from another thread, and it touches nothing but
/// this object's own descriptor of the socket.
final class NBDConnection: @unchecked Sendable {
  /// For how long the server may show no life at all while it owes an answer.
  static let stallLimit: Duration = .seconds(30)
  /// How much one request asks for, and how many requests are under way together.
  static let pieceSize = 256 << 10
  static let window = 8
  /// How much one question about extents covers; NBD counts in 32 bits.
  static let statusSpan: UInt64 = 1 << 30

  /// In bytes.
  private(set) var size: UInt64 = 0

  /// Nil after a failure: the connection is closed and stays so.
  private var handle: OpaquePointer?
  private let socket: OwnedDescriptor
  private let export: String

  /// Connects to an export over a connected socket, within the deadline.
  init(
    taking socket: consuming OwnedDescriptor, export: String, deadline: Deadline
  ) throws(HypervisorError) {
    let libraryEnd = try socket.duplicate()
    self.socket = socket
    self.export = export
    guard let handle = nbd_create() else { throw lastError("has no handle") }
    self.handle = handle
    guard nbd_set_export_name(handle, export) == 0,
      nbd_add_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0,
      // Otherwise a server holds us to the block size that it names; unasked, it takes any offset and length.
      nbd_set_request_block_size(handle, false) == 0,
      // The reader's buffer holds something already; libnbd need not clear it first.
      nbd_set_pread_initialize(handle, false) == 0,
      nbd_aio_connect_socket(handle, libraryEnd.release()) == 0
    else { throw lastError("cannot be set up") }
    while nbd_aio_is_ready(handle) == 0 {
      guard nbd_aio_is_connecting(handle) == 1 else { throw lastError("cannot be opened") }
      try poll(timeout: deadline.pollTimeout)
    }
    let size = nbd_get_size(handle)
    guard size >= 0 else { throw lastError("has no size") }
    self.size = UInt64(size)
  }

  deinit { abandon() }

  var isUsable: Bool { handle != nil }

  /// Ends whatever waits on this connection. May be called from any thread.
  func cut() { shutdown(socket.number, Int32(SHUT_RDWR)) }

  /// Fills the buffer. After an error the connection is no longer usable.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(HypervisorError) {
    try buffer.withUnsafeMutableBytes { bytes throws(HypervisorError) in
      do throws(HypervisorError) {
        try transfer(into: bytes, from: offset)
      } catch {
        // The requests under way point into the caller's buffer: they must end before it goes.
        abandon()
        throw error
      }
    }
  }

  private func transfer(
    into bytes: UnsafeMutableRawBufferPointer, from offset: UInt64
  ) throws(HypervisorError) {
    guard let base = bytes.baseAddress, let handle else { return }
    var asked = 0
    var underWay: [UInt64] = []
    while asked < bytes.count || !underWay.isEmpty {
      while asked < bytes.count, underWay.count < Self.window {
        let length = min(Self.pieceSize, bytes.count - asked)
        let cookie = nbd_aio_pread(
          handle, base + asked, length, offset + UInt64(asked), nbd_completion_callback(), 0)
        guard cookie >= 0 else { throw lastError("refused a read at \(offset + UInt64(asked))") }
        underWay.append(UInt64(cookie))
        asked += length
      }
      try pollUntilStalled()
      var failed = false
      underWay.removeAll { cookie in
        let result = nbd_aio_command_completed(handle, cookie)
        failed = failed || result < 0
        return result != 0
      }
      guard !failed else { throw lastError("failed to read near \(offset + UInt64(asked))") }
    }
  }

  /// What lies in the range, in order and without a gap. After an error the connection is no longer usable.
  func extents(in range: Range<UInt64>) throws(HypervisorError) -> [DiskExtent] {
    do throws(HypervisorError) {
      var extents: [DiskExtent] = []
      var position = range.lowerBound
      while position < range.upperBound {
        let span = min(Self.statusSpan, range.upperBound - position)
        for (length, isHole) in try status(at: position, count: span) where length > 0 {
          let end = min(position + length, range.upperBound)
          guard end > position else { break }
          if let last = extents.last, last.isHole == isHole {
            extents[extents.count - 1] = DiskExtent(
              range: last.range.lowerBound..<end, isHole: isHole)
          } else {
            extents.append(DiskExtent(range: position..<end, isHole: isHole))
          }
          position = end
        }
      }
      return extents
    } catch {
      abandon()
      throw error
    }
  }

  /// At least one extent of at least one byte from `offset` on.
  private func status(
    at offset: UInt64, count: UInt64
  ) throws(HypervisorError) -> [(length: UInt64, isHole: Bool)] {
    guard let handle else { return [] }
    guard nbd_can_meta_context(handle, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1 else {
      return [(count, false)]
    }
    let collector = ExtentCollector()
    let cookie = nbd_aio_block_status(
      handle, count, offset, collector.callback, nbd_completion_callback(), 0)
    guard cookie >= 0 else { throw lastError("refused the extents at \(offset)") }
    while true {
      let result = nbd_aio_command_completed(handle, UInt64(cookie))
      guard result == 0 else {
        let entries = withExtendedLifetime(collector) { collector.entries }
        guard result > 0, entries.contains(where: { $0.length > 0 }) else {
          throw lastError("failed to give the extents at \(offset)")
        }
        return entries
      }
      do throws(HypervisorError) {
        try pollUntilStalled()
      } catch {
        // Before the collector goes, so does whoever may call it.
        abandon()
        throw error
      }
    }
  }

  private func pollUntilStalled() throws(HypervisorError) {
    try poll(timeout: Deadline(in: Self.stallLimit).pollTimeout)
  }

  private func poll(timeout: Int32) throws(HypervisorError) {
    guard let handle else { throw HypervisorError(.closed, "\(export) is closed.") }
    let result = nbd_poll(handle, timeout)
    guard result >= 0 else { throw lastError("failed") }
    guard result > 0 else {
      throw HypervisorError(.timeout, "The NBD server of \(export) gave no sign of life in time.")
    }
  }

  private func abandon() {
    nbd_close(handle)
    handle = nil
  }

  private func lastError(_ what: String) -> HypervisorError {
    let why = nbd_get_error().map { String(cString: $0) } ?? "no reason given"
    return HypervisorError(.failed, "The NBD connection to \(export) \(what): \(why).")
  }
}

/// Takes what libnbd reports of extents while a command runs.
private final class ExtentCollector {
  private(set) var entries: [(length: UInt64, isHole: Bool)] = []

  /// Borrows this object: it must outlive the command.
  var callback: nbd_extent_callback {
    nbd_extent_callback(
      callback: { box, _, _, values, count, _ in
        guard let box, let values else { return -1 }
        let collector = Unmanaged<ExtentCollector>.fromOpaque(box).takeUnretainedValue()
        // Pairs of a length and flags; "reads as zeros" is what makes a hole here, allocated or not.
        for index in stride(from: 0, to: count - count % 2, by: 2) {
          let isHole = values[index + 1] & UInt32(LIBNBD_STATE_ZERO) != 0
          collector.entries.append((UInt64(values[index]), isHole))
        }
        return 0
      }, user_data: Unmanaged.passUnretained(self).toOpaque(), free: nil)
  }
}
