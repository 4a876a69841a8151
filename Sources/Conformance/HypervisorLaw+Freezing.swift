internal import BackupModel
internal import Foundation
internal import Hypervisor

extension HypervisorLaw {
  /// A freeze is one moment, whatever the guest does.
  static let freezing: [HypervisorLaw] = [
    HypervisorLaw(description: "what the guest writes after the freeze is not read") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed, Example.small])
      try subject.freeze(Example.checkpoint(1))
      let disks = try subject.hypervisor.virtualMachine(Example.vm).disks
      let contents = [Example.mixed, Example.small]
      let frozen = try (0..<2).map { try subject.open($0, in: Example.checkpoint(1)) }
      for round in 0..<3 {
        for (index, disk) in disks.enumerated() {
          for offset in [UInt64(0), 4096, disk.size / 2, disk.size - 1024] {
            let bytes = Example.noise(1024, seed: UInt64(100 + round))
            _ = try subject.write(bytes, at: offset, to: disk.id, of: Example.vm)
          }
          try require(
            try frozen[index].allBytes() == contents[index].bytes,
            "\(disk.id) is not as it was frozen, round \(round)")
        }
      }
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
      let bytes = Example.noise(1024, seed: 200)
      try require(
        try subject.write(bytes, at: 512, to: disks[0].id, of: Example.vm),
        "the guest cannot write after the removal")
      try subject.freeze(Example.checkpoint(2))
      let second = try subject.open(0, in: Example.checkpoint(2))
      try require(
        try second.bytes(at: 512, count: 1024) == bytes, "a later checkpoint misses a write")
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(2), of: Example.vm)
    },
    HypervisorLaw(description: "all disks of a VM are frozen at one moment") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small, Example.small])
      let disks = try subject.hypervisor.virtualMachine(Example.vm).disks.map(\.id)
      for round in 1...5 {
        let (name, isFrozen) = (Example.checkpoint(round), Flag())
        let hasWritten = DispatchSemaphore(value: 0)
        let guest: @Sendable () throws -> Void = {
          // Each number goes to the first disk and then, acknowledged, to the second.
          for number in 1...UInt8.max where !isFrozen.isSet {
            for disk in disks {
              let bytes = [UInt8](repeating: number, count: 512)
              guard try subject.write(bytes, at: 0, to: disk, of: Example.vm) else {
                _ = hasWritten.signal()
                return
              }
            }
            if number == 2 { hasWritten.signal() }
          }
        }
        let freezer: @Sendable () throws -> Void = {
          hasWritten.wait()
          defer { isFrozen.set() }
          try subject.freeze(name)
        }
        try Threads.run([guest, freezer])
        let numbers = try (0..<2).map { try subject.open($0, in: name).bytes(at: 0, count: 1)[0] }
        try require(
          numbers[0] == numbers[1] || numbers[0] == numbers[1] + 1,
          "round \(round): the disks hold \(numbers), so they were frozen at different moments")
        try require(numbers[1] >= 1, "round \(round): acknowledged writes are missing: \(numbers)")
        try subject.hypervisor.removeCheckpoint(name, of: Example.vm)
      }
    },
    HypervisorLaw(description: "each of two checkpoints keeps its own moment") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let disk = try subject.hypervisor.virtualMachine(Example.vm).disks[0].id
      var bytes = Example.small.bytes
      try subject.freeze(Example.checkpoint(1))
      let first = try subject.open(0, in: Example.checkpoint(1))
      let change = Example.noise(4096, seed: 7)
      if try subject.write(change, at: 8192, to: disk, of: Example.vm) {
        bytes.replaceSubrange(8192..<8192 + 4096, with: change)
      }
      try subject.freeze(Example.checkpoint(2))
      let second = try subject.open(0, in: Example.checkpoint(2))
      _ = try subject.write(Example.noise(4096, seed: 8), at: 8192, to: disk, of: Example.vm)
      try require(try first.allBytes() == Example.small.bytes, "the first changed")
      try require(try second.allBytes() == bytes, "the second is of another moment")
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
      try require(try second.allBytes() == bytes, "the second changed when the first was removed")
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(2), of: Example.vm)
    },
  ]
}
