internal import BackupModel
internal import Hypervisor

/// What every adapter of ``Hypervisor`` promises, one law each.
///
/// An adapter's test runs `check` of each law in ``all`` on a subject of its own. Laws block their thread.
package struct HypervisorLaw: Sendable, CustomStringConvertible {
  /// A sentence that says what holds.
  package let description: String
  /// Throws ``Violation`` where the hypervisor breaks the law.
  package let check: @Sendable (any HypervisorSubject) throws -> Void

  package static let all = listing + reading + freezing + vouching

  /// How a hypervisor broke a law.
  package struct Violation: Error, CustomStringConvertible {
    package let description: String
  }
}

/// Throws unless `holds`.
func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
  guard holds else { throw HypervisorLaw.Violation(description: what()) }
}

/// Throws unless `body` throws a ``HypervisorError`` of one of the codes, with some message.
func require<Value>(
  _ codes: Set<HypervisorError.Code>, _ what: String, from body: () throws(HypervisorError) -> Value
) throws {
  do throws(HypervisorError) {
    _ = try body()
  } catch {
    try require(codes.contains(error.code), "\(what): refused as \(error.code): \(error)")
    try require(!error.message.isEmpty, "\(what): the message is empty")
    return
  }
  throw HypervisorLaw.Violation(description: "\(what): it was not refused")
}

/// Names and disks for the laws.
enum Example {
  static let vm = VirtualMachineID(rawValue: "vm-1")

  static func checkpoint(_ number: Int) -> CheckpointName {
    let session = SessionID(rawValue: "conformance-of-a-hypervisor-with-a-long-session-name")
    return CheckpointName(
      attempt: AttemptID(task: TaskID(session: session, ordinal: 1), number: number))
  }

  /// Data, holes, data at odd places, data up to the last byte.
  static let mixed = DiskContents(
    size: 6 << 20,
    pieces: [
      .init(offset: 0, bytes: noise(70_001, seed: 1)),
      .init(offset: 3 << 20, bytes: noise(1 << 20, seed: 2)),
      .init(offset: (6 << 20) - 513, bytes: noise(513, seed: 3)),
    ])

  static let small = DiskContents(
    size: 1 << 20, pieces: [.init(offset: 4096, bytes: noise(8192, seed: 4))])

  /// Bytes without a pattern, none of them zero.
  static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state) | 1
    }
  }
}

extension FrozenDisk {
  func bytes(at offset: Int, count: Int) throws(HypervisorError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xaa, count: count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(at: UInt64(offset), into: &raw)
    return bytes
  }

  func allBytes() throws(HypervisorError) -> [UInt8] { try bytes(at: 0, count: Int(size)) }
}

extension HypervisorSubject {
  /// Freezes the example VM, asking again while a guest's write is just under way.
  func freeze(_ name: CheckpointName) throws {
    for attempt in 1... {
      do throws(HypervisorError) {
        return try hypervisor.createCheckpoint(name, of: Example.vm)
      } catch {
        guard error.code == .busy, attempt < 1000 else { throw error }
      }
    }
  }

  func open(
    _ index: Int, in name: CheckpointName
  ) throws(HypervisorError) -> any FrozenDisk {
    let disk = try hypervisor.virtualMachine(Example.vm).disks[index].id
    return try hypervisor.openDisk(disk, of: Example.vm, in: name)
  }
}
