import Foundation
import Glibc
import Hypervisor

/// A conversation with a QEMU monitor (QEMU Machine Protocol): one command at a time, each within a deadline.
///
/// Source: QEMU's docs/interop/qmp-spec.txt. After an error of the connection itself every later command fails too.
struct QMPConnection: ~Copyable {
  /// Longer lines end the conversation: the answer to the largest query is some kilobytes a disk.
  static let lineLimit = 16 << 20

  private let socket: OwnedDescriptor
  private let peer: String
  private var received: [UInt8] = []
  private var scanned = 0

  /// Waits for the greeting and leaves negotiation mode. `peer` names the other side in error messages.
  init(
    taking socket: consuming OwnedDescriptor, peer: String, deadline: Deadline
  ) throws(HypervisorError) {
    self.socket = socket
    self.peer = peer
    let greeting = try nextMessage(
      deadline: deadline,
      hint:
        "Another program may hold its only QMP connection: give that program a monitor of its own.")
    guard greeting["QMP"] != nil else {
      throw HypervisorError(.failed, "\(peer) does not speak QMP: it sent no greeting.")
    }
    _ = try execute("qmp_capabilities", deadline: deadline)
  }

  /// Runs one command and returns what it returns. Events that arrive in between are passed over.
  @discardableResult
  mutating func execute(
    _ command: String, _ arguments: [String: JSON] = [:], deadline: Deadline
  ) throws(HypervisorError) -> JSON {
    let message: JSON = ["execute": .string(command), "arguments": .object(arguments)]
    try send(message, deadline: deadline)
    while true {
      let answer = try nextMessage(deadline: deadline, hint: "It was asked for \(command).")
      if let value = answer["return"] { return value }
      if let error = answer["error"] {
        throw refusal(of: command, error["desc"]?.text ?? "no reason given")
      }
    }
  }

  /// Waits for any event, at most until the deadline. False: none came.
  mutating func waitForEvent(until deadline: Deadline) throws(HypervisorError) -> Bool {
    do {
      return try nextMessage(deadline: deadline, hint: "")["event"] != nil
    } catch  where error.code == .timeout {
      return false
    }
  }

  private func refusal(of command: String, _ reason: String) -> HypervisorError {
    let code: HypervisorError.Code =
      if reason.contains("Failed to get") && reason.contains("lock") {
        .busy
      } else if reason.contains("Permission conflict") {
        .busy
      } else {
        .failed
      }
    let advice =
      code == .busy ? " Another program has the image open: end it, or let it serve QMP." : ""
    return HypervisorError(code, "\(peer) refused \(command): \(reason).\(advice)")
  }

  private func send(_ message: JSON, deadline: Deadline) throws(HypervisorError) {
    var bytes: [UInt8]
    do {
      bytes = Array(try JSONEncoder().encode(message))
    } catch {
      throw HypervisorError(.failed, "A QMP command cannot be encoded: \(error)")
    }
    bytes.append(UInt8(ascii: "\n"))
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(
          socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count > 0 {
        sent += count
      } else if errno == EAGAIN {
        try waitUntil(POLLOUT, deadline: deadline, hint: "It does not take a command.")
      } else if errno != EINTR {
        throw .system("\(peer) ended the QMP conversation", errno)
      }
    }
  }

  private mutating func nextMessage(
    deadline: Deadline, hint: String
  ) throws(HypervisorError) -> JSON {
    while true {
      if let end = received[scanned...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = received[..<end]
        defer {
          received.removeSubrange(...end)
          scanned = 0
        }
        do {
          return try JSONDecoder().decode(JSON.self, from: Data(line))
        } catch {
          throw HypervisorError(.failed, "\(peer) sent what is not JSON over QMP: \(error)")
        }
      }
      scanned = received.count
      guard received.count < Self.lineLimit else {
        throw HypervisorError(
          .failed, "\(peer) sent a QMP line of more than \(Self.lineLimit) bytes.")
      }
      try receive(deadline: deadline, hint: hint)
    }
  }

  private mutating func receive(deadline: Deadline, hint: String) throws(HypervisorError) {
    var chunk = [UInt8](repeating: 0, count: 16384)
    let count = chunk.withUnsafeMutableBytes {
      recv(socket.number, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
    }
    if count > 0 {
      received.append(contentsOf: chunk[..<count])
    } else if count == 0 {
      throw HypervisorError(.failed, "\(peer) ended the QMP conversation.")
    } else if errno == EAGAIN {
      try waitUntil(POLLIN, deadline: deadline, hint: hint)
    } else if errno != EINTR {
      throw .system("\(peer) ended the QMP conversation", errno)
    }
  }

  private func waitUntil(
    _ events: Int32, deadline: Deadline, hint: String
  ) throws(HypervisorError) {
    var descriptor = pollfd(fd: socket.number, events: Int16(events), revents: 0)
    guard !deadline.hasPassed else {
      throw HypervisorError(.timeout, "\(peer) did not answer over QMP in time. \(hint)")
    }
    _ = poll(&descriptor, 1, deadline.pollTimeout)
  }
}
