import BackupModel
import Hypervisor
import Testing
import WorkerLink

@testable import Worker

@Suite("A worker and its coordinator", .timeLimit(.minutes(1)))
struct LinkTests {
  @Test("It says who it is, and what checkpoints it found on its host")
  func registers() async throws {
    let bed = try WorkerBed()
    let left = CheckpointName(attempt: bed.specification(1, session: "old").attempt)
    bed.hypervisor.add(left, of: WorkerBed.vm)
    try await bed.run { _ async throws in
      #expect(
        try await bed.coordinator.registration(1)
          == WorkerRegistration(
            worker: WorkerID(rawValue: "w1"), incarnation: "i1", host: HostID(rawValue: "host-a"),
            slots: 2, hypervisors: ["fake"],
            leftovers: [
              CheckpointRecord(
                name: left, host: HostID(rawValue: "host-a"), hypervisor: "fake",
                virtualMachine: WorkerBed.vm)
            ]))
    }
  }

  @Test("A hypervisor that does not answer does not keep the worker from its coordinator")
  func registersWithoutList() async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    let left = CheckpointName(attempt: bed.specification(1, session: "old").attempt)
    bed.hypervisor.add(left, of: WorkerBed.vm)
    let gate = bed.hypervisor.stop(at: .list)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await bed.runtime.run() }
      try await gate.reached()
      try await bed.attachAgain(clock)
      #expect(bed.coordinator.registrations.map(\.leftovers) == [[]])
      gate.open()
      // What is found late is said when it is there.
      while bed.coordinator.registrations.last?.leftovers.isEmpty == true {
        bed.transport.disconnect()
        bed.transport.reconnect()
        try await bed.attachAgain(clock)
      }
      #expect(bed.coordinator.registrations.last?.leftovers.map(\.name) == [left])
      bed.runtime.cancel()
      try await group.waitForAll()
    }
  }

  @Test(
    "A broken connection is no death: attached again, it reports the same attempt and goes on",
    arguments: Moment.allCases, [false, true])
  func reconnects(at moment: Moment, restarted: Bool) async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let gate = try await moment.reach(task, on: bed)
      bed.transport.disconnect()
      if restarted { coordinator.restart() }
      bed.transport.reconnect()
      let again = try await coordinator.registration(2)
      #expect(again.incarnation == "i1")
      #expect(again.leftovers.isEmpty, "an attempt's own checkpoint is no leftover")
      _ = try await coordinator.attempt(task.attempt) { $0.outcome == nil }
      gate?.open()
      try await coordinator.say(.assign(task), .proceed(task.attempt))
      _ = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      try await coordinator.say(.commit(task.attempt))
      let end = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
      #expect(end.outcome == .succeeded)
      #expect(try bed.repository.restorePoints().count == 1)
    }
  }

  @Test("What ended while the connection was away is reported after it")
  func reportsLater() async throws {
    let bed = try WorkerBed()
    let task = bed.specification()
    try await bed.run { coordinator in
      let gate = try await Moment.transferring.reach(task, on: bed)
      bed.transport.disconnect()
      gate?.open()
      bed.transport.reconnect()
      _ = try await coordinator.registration(2)
      let report = try await coordinator.attempt(task.attempt) { $0.readyToCommit != nil }
      #expect(report.checkpoint == .created)
    }
  }

  @Test("A worker that lost its lease stops by itself and cleans up", arguments: Moment.allCases)
  func fencesItself(at moment: Moment) async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    let task = bed.specification()
    try await bed.run { coordinator in
      let gate = try await moment.reach(task, on: bed)
      bed.transport.disconnect()
      clock.advance(by: .seconds(31))
      if moment != .transferring { gate?.open() }
      bed.transport.reconnect()
      try await bed.attachAgain(clock)
      let end = try await coordinator.attempt(task.attempt) { report in
        moment == .awaitingPermit ? report.checkpoint == .removed : report.outcome != nil
      }
      #expect(bed.hypervisor.checkpoints.isEmpty)
      if moment == .awaitingPermit {
        // The permit may have been granted without its hearing: it waits for the coordinator's word.
        #expect(end.outcome == nil)
        try await coordinator.say(.commit(task.attempt))
        let published = try await coordinator.attempt(task.attempt) { $0.outcome != nil }
        #expect(published.outcome == .succeeded)
      } else {
        #expect(end.outcome == .failed(message: "The worker lost its lease", isRetryable: true))
        #expect(try bed.leftovers() == [])
      }
    }
  }

  @Test("A renewal counts from when its report was sent, not from when it came")
  func countsFromSending() {
    let start = Timestamp(nanosecondsSinceEpoch: 0)
    let pulse = AttachPulse(at: start, patience: .seconds(10))
    pulse.sending(at: start.advanced(by: .seconds(1)))
    pulse.sending(at: start.advanced(by: .seconds(2)))
    pulse.heard(at: start.advanced(by: .seconds(9)))
    #expect(pulse.answered() == start.advanced(by: .seconds(1)))
    #expect(pulse.answered() == start.advanced(by: .seconds(2)))
    #expect(pulse.answered() == nil)
    #expect(pulse.deadline == start.advanced(by: .seconds(19)))
  }

  @Test("A coordinator that is silent for a lease's length is left, and tried anew")
  func leavesSilence() async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    bed.coordinator.configure(renews: false)
    try await bed.run { coordinator in
      _ = try await coordinator.report { _ in () }
      try await bed.attachAgain(clock)
    }
  }

  @Test("When nothing changes it reports at every heartbeat")
  func heartbeats() async throws {
    let clock = ManualClock()
    let bed = try WorkerBed(clock: clock)
    try await bed.run { coordinator in
      _ = try await coordinator.report { _ in () }
      for _ in 0..<5 {
        let before = coordinator.reportCount
        try await clock.sleeper(within: .seconds(10))
        clock.advance(by: .seconds(10))
        while coordinator.reportCount == before {
          try Task.checkCancellation()
          await Task.yield()
        }
      }
      #expect(coordinator.registrations.count == 1)
    }
  }

  @Test(
    "A coordinator that breaks the protocol is left, and tried anew",
    arguments: [
      WorkerLinkResponse.directives([]), .renewal(epoch: 1, leaseDuration: .seconds(1)),
    ])
  func leavesNonsense(_ greeting: WorkerLinkResponse) async throws {
    let bed = try WorkerBed()
    bed.coordinator.greet(with: greeting)
    try await bed.run { coordinator in
      _ = try await coordinator.registration(2)
      _ = try await coordinator.report { _ in () }
    }
  }

  @Test("The time between two tries doubles up to its bound, and varies by half of it")
  func delays() {
    var configuration = WorkerConfiguration(
      worker: WorkerID(rawValue: "w"), host: HostID(rawValue: "h"), incarnation: "i", slots: 1)
    configuration.firstReconnectDelay = .milliseconds(100)
    configuration.lastReconnectDelay = .seconds(1)
    var delay = ReconnectDelay(configuration)
    for expected in [100, 200, 400, 800, 1000, 1000] {
      let next = delay.next()
      #expect(next >= .milliseconds(expected) / 2 && next <= .milliseconds(expected), "\(next)")
    }
    delay.reset()
    #expect(delay.next() <= .milliseconds(100))
  }
}

extension WorkerBed {
  /// Turns the clock, in steps that are short against every bound, until the worker has registered once more and
  /// reported.
  func attachAgain(_ clock: ManualClock) async throws {
    let count = coordinator.registrations.count
    while coordinator.registrations.count == count || coordinator.reports.isEmpty {
      try Task.checkCancellation()
      clock.advance(by: .milliseconds(10))
      await Task.yield()
    }
  }
}
