internal import BackupModel
internal import Hypervisor

extension HypervisorLaw {
  /// What was read is vouched for while the freeze holds, and never after.
  static let vouching: [HypervisorLaw] = [
    HypervisorLaw(description: "a checkpoint that holds is vouched for, whatever the guest writes")
    {
      subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed, Example.small])
      let (hypervisor, name) = (subject.hypervisor, Example.checkpoint(1))
      try subject.freeze(name)
      try hypervisor.verifyCheckpoint(name, of: Example.vm)
      let disks = try hypervisor.virtualMachine(Example.vm).disks
      let frozen = try (0..<2).map { try subject.open($0, in: name) }
      for round in 0..<5 {
        for (index, disk) in disks.enumerated() {
          let bytes = Example.noise(2048, seed: UInt64(300 + round))
          _ = try subject.write(bytes, at: UInt64(round * 65536), to: disk.id, of: Example.vm)
          _ = try frozen[index].bytes(at: round * 65536, count: 2048)
        }
        try hypervisor.verifyCheckpoint(name, of: Example.vm)
      }
      try hypervisor.removeCheckpoint(name, of: Example.vm)
    },
    HypervisorLaw(description: "a checkpoint that is not there is not vouched for") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let (hypervisor, name) = (subject.hypervisor, Example.checkpoint(1))
      for vm in [Example.vm, VirtualMachineID(rawValue: "nobody")] {
        try require([.closed], "vouching for what never was") { () throws(HypervisorError) in
          try hypervisor.verifyCheckpoint(name, of: vm)
        }
      }
      try subject.freeze(name)
      try require([.closed], "vouching for another one") { () throws(HypervisorError) in
        try hypervisor.verifyCheckpoint(Example.checkpoint(12), of: Example.vm)
      }
      try hypervisor.removeCheckpoint(name, of: Example.vm)
      try require([.closed], "vouching after the removal") { () throws(HypervisorError) in
        try hypervisor.verifyCheckpoint(name, of: Example.vm)
      }
    },
    HypervisorLaw(description: "a checkpoint that holds no longer is not vouched for, ever again") {
      subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed, Example.small])
      let (hypervisor, name) = (subject.hypervisor, Example.checkpoint(1))
      try subject.freeze(name)
      let disk = try subject.open(0, in: name)
      try require(
        try disk.bytes(at: 0, count: 70_001) == Array(Example.mixed.bytes[..<70_001]),
        "the first bytes differ")
      try subject.breakFreeze(of: Example.vm)
      for _ in 1...2 {
        try require([.failed], "vouching for a broken freeze") { () throws(HypervisorError) in
          try hypervisor.verifyCheckpoint(name, of: Example.vm)
        }
      }
      disk.close()
      try hypervisor.removeCheckpoint(name, of: Example.vm)
      try subject.freeze(Example.checkpoint(2))
      try hypervisor.verifyCheckpoint(Example.checkpoint(2), of: Example.vm)
      try hypervisor.removeCheckpoint(Example.checkpoint(2), of: Example.vm)
    },
  ]
}
