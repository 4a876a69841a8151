internal import BackupModel
internal import Foundation
internal import Hypervisor

extension HypervisorLaw {
  /// A frozen disk is bytes that stay.
  static let reading: [HypervisorLaw] = [
    HypervisorLaw(description: "a frozen disk holds what was on the disk, wherever it is read") {
      subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed, Example.small])
      try subject.freeze(Example.checkpoint(1))
      for (index, contents) in [Example.mixed, Example.small].enumerated() {
        let disk = try subject.open(index, in: Example.checkpoint(1))
        let expected = contents.bytes
        try require(disk.size == expected.count, "disk \(index) has \(disk.size) bytes")
        try require(try disk.allBytes() == expected, "disk \(index) differs")
        for (offset, count) in [(0, 1), (69_999, 5), (4095, 4098), (expected.count - 1, 1), (7, 0)]
        {
          try require(
            try disk.bytes(at: offset, count: count) == Array(expected[offset..<offset + count]),
            "disk \(index) differs at \(offset), \(count) bytes")
        }
        try require([.invalid], "reading past the end") { () throws(HypervisorError) in
          try disk.bytes(at: expected.count - 1, count: 2)
        }
        disk.close()
      }
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
    },
    HypervisorLaw(description: "extents cover a range exactly, and holes read as zeros") {
      subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed])
      try subject.freeze(Example.checkpoint(1))
      let disk = try subject.open(0, in: Example.checkpoint(1))
      let bytes = Example.mixed.bytes
      let end = disk.size
      let ranges: [Range<UInt64>] = [
        0..<end, 0..<1, 1..<end, 1_000_001..<5_000_003, end - 1..<end, end..<end,
        65_535..<65_537,
      ]
      for range in ranges {
        var position = range.lowerBound
        for extent in try disk.extents(in: range) {
          try require(
            extent.range.lowerBound == position && !extent.range.isEmpty,
            "\(range): \(extent.range) does not follow \(position)")
          position = extent.range.upperBound
          let part = bytes[Int(extent.range.lowerBound)..<Int(min(position, end))]
          try require(
            !extent.isHole || part.allSatisfy { $0 == 0 },
            "\(range): the hole \(extent.range) has data")
        }
        try require(position == range.upperBound, "\(range): covered up to \(position)")
      }
      try require([.invalid], "extents past the end") { () throws(HypervisorError) in
        try disk.extents(in: 0..<end + 1)
      }
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
    },
    HypervisorLaw(description: "several readers at once all see the same bytes") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed])
      try subject.freeze(Example.checkpoint(1))
      let disk = try subject.open(0, in: Example.checkpoint(1))
      let expected = Example.mixed.bytes
      try Threads.run(
        (0..<6).map { reader in
          {
            for round in 0..<20 {
              let offset = (reader * 977 + round * 300_007) % (expected.count - 200_000)
              try require(
                try disk.bytes(at: offset, count: 200_000)
                  == Array(expected[offset..<offset + 200_000]),
                "reader \(reader) differs at \(offset)")
            }
          }
        })
      disk.close()
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
    },
    HypervisorLaw(description: "closing a disk ends its readers soon, and for good") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed])
      try subject.freeze(Example.checkpoint(1))
      let disk = try subject.open(0, in: Example.checkpoint(1))
      let (hasRead, began) = (DispatchSemaphore(value: 0), ContinuousClock.now)
      let reader: @Sendable () throws -> Void = {
        try require([.closed], "reading while the disk is closed") { () throws(HypervisorError) in
          while began.duration(to: .now) < .seconds(30) {
            _ = try disk.allBytes()
            hasRead.signal()
          }
        }
      }
      let closer: @Sendable () throws -> Void = {
        hasRead.wait()
        disk.close()
      }
      let closing = ContinuousClock.now
      try Threads.run([reader, closer])
      try require(closing.duration(to: .now) < .seconds(5), "readers went on")
      try require([.closed], "reading after the close") { () throws(HypervisorError) in
        try disk.bytes(at: 0, count: 1)
      }
      try require([.closed], "extents after the close") { () throws(HypervisorError) in
        try disk.extents(in: 0..<1)
      }
      disk.close()
      try subject.hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
    },
  ]
}
