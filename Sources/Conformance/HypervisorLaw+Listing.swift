internal import BackupModel
internal import Hypervisor

extension HypervisorLaw {
  /// What exists is listed, what does not is not found.
  static let listing: [HypervisorLaw] = [
    HypervisorLaw(description: "a VM is listed with its disks, in a stable order") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.mixed, Example.small])
      let machine = try subject.hypervisor.virtualMachine(Example.vm)
      try require(machine.id == Example.vm, "its id is \(machine.id)")
      try require(machine.disks.map(\.size) == [6 << 20, 1 << 20], "sizes: \(machine.disks)")
      try require(Set(machine.disks.map(\.id)).count == 2, "disk ids are not unique")
      try require(
        try subject.hypervisor.virtualMachine(Example.vm) == machine, "it differs the second time")
      try require(try subject.hypervisor.listVirtualMachines() == [machine], "it is not listed")
    },
    HypervisorLaw(description: "what does not exist is not found, and leaves nothing") { subject in
      let nobody = VirtualMachineID(rawValue: "nobody")
      let hypervisor = subject.hypervisor
      try require([.notFound], "describing a missing VM") { () throws(HypervisorError) in
        try hypervisor.virtualMachine(nobody)
      }
      try require([.notFound], "freezing a missing VM") { () throws(HypervisorError) in
        try hypervisor.createCheckpoint(Example.checkpoint(1), of: nobody)
      }
      try require(
        try hypervisor.listCheckpoints().isEmpty, "a checkpoint of a missing VM is listed")
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let disk = try hypervisor.virtualMachine(Example.vm).disks[0].id
      try require([.notFound], "opening in a missing checkpoint") { () throws(HypervisorError) in
        try hypervisor.openDisk(disk, of: Example.vm, in: Example.checkpoint(1))
      }
      try subject.freeze(Example.checkpoint(1))
      try require([.notFound], "opening a missing disk") { () throws(HypervisorError) in
        try hypervisor.openDisk(
          DiskID(rawValue: "no-such-disk"), of: Example.vm, in: Example.checkpoint(1))
      }
      try hypervisor.removeCheckpoint(Example.checkpoint(1), of: Example.vm)
    },
    HypervisorLaw(description: "a checkpoint is listed from its creation to its removal") {
      subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let hypervisor = subject.hypervisor
      let names = [Example.checkpoint(1), Example.checkpoint(12)]
      var expected: [ExistingCheckpoint] = []
      for name in names {
        try subject.freeze(name)
        expected.append(ExistingCheckpoint(name: name, virtualMachine: Example.vm))
        try require(try hypervisor.listCheckpoints() == expected, "after creating \(name)")
      }
      for name in names {
        try hypervisor.removeCheckpoint(name, of: Example.vm)
        expected.removeFirst()
        try require(try hypervisor.listCheckpoints() == expected, "after removing \(name)")
      }
    },
    HypervisorLaw(description: "a second creation is refused and harms nothing") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let (hypervisor, name) = (subject.hypervisor, Example.checkpoint(1))
      try subject.freeze(name)
      let disk = try subject.open(0, in: name)
      try require([.alreadyExists], "a second creation") { () throws(HypervisorError) in
        try hypervisor.createCheckpoint(name, of: Example.vm)
      }
      try require(try disk.allBytes() == Example.small.bytes, "the first one's bytes changed")
      disk.close()
      try hypervisor.removeCheckpoint(name, of: Example.vm)
    },
    HypervisorLaw(description: "removal is idempotent, and ends open readers") { subject in
      try subject.makeVirtualMachine(Example.vm, disks: [Example.small])
      let (hypervisor, name) = (subject.hypervisor, Example.checkpoint(1))
      try hypervisor.removeCheckpoint(name, of: Example.vm)
      try hypervisor.removeCheckpoint(name, of: VirtualMachineID(rawValue: "nobody"))
      try subject.freeze(name)
      let disk = try subject.open(0, in: name)
      for _ in 1...2 { try hypervisor.removeCheckpoint(name, of: Example.vm) }
      try require([.closed], "reading after the removal") { () throws(HypervisorError) in
        try disk.bytes(at: 0, count: 512)
      }
      try require([.notFound], "opening after the removal") { () throws(HypervisorError) in
        try subject.open(0, in: name)
      }
      try subject.freeze(name)
      try hypervisor.removeCheckpoint(name, of: Example.vm)
    },
  ]
}
