internal import BackupModel
internal import GRPC
internal import Logging

/// Keeps the worker attached to its coordinator: registers, carries reports out and directives in, and begins anew
/// whenever the connection breaks.
struct CoordinatorLink: Sendable {
  let configuration: WorkerConfiguration
  let channel: any RPCChannel
  let clock: any WorkerClock
  let log: Logger
  let mailbox: Mailbox<WorkerEvent>
  /// The names of the worker's drivers.
  let hypervisors: [String]
  let search: LeftoverSearch
  let held: HeldAttempts

  /// Until its task is canceled, or a connection has ended with its outbox closed.
  func run() async {
    var delay = ReconnectDelay(configuration)
    while !Task.isCancelled {
      let outbox = Outbox()
      let registration = await registration()
      let pulse = AttachPulse(at: clock.now, patience: configuration.registrationBound)
      let call = AttachCall(clock: clock, mailbox: mailbox, outbox: outbox, pulse: pulse)
      do {
        try await call.run(registration, over: channel)
      } catch {
        if Task.isCancelled { return }
        log.warning("The connection to the coordinator is lost: \(error)")
      }
      mailbox.post(.detached(outbox))
      if outbox.isClosed { return }
      // One that breaks at once again and again is not tried faster for having been there.
      if pulse.began.advanced(by: configuration.lastReconnectDelay) <= clock.now { delay.reset() }
      try? await clock.sleep(until: clock.now.advanced(by: delay.next()))
    }
  }

  private func registration() async -> WorkerRegistration {
    let finding = await search.result(
      until: clock.now.advanced(by: configuration.searchBound), by: clock)
    if finding == nil { log.error("Checkpoints could not be listed in time") }
    for failure in finding?.failures ?? [] {
      log.error("Checkpoints could not be listed: \(failure)")
    }
    let leftovers = (finding?.records ?? []).filter { !held.contains($0.name.attempt) }
    return WorkerRegistration(
      worker: configuration.worker, incarnation: configuration.incarnation,
      host: configuration.host, slots: configuration.slots, hypervisors: hypervisors,
      leftovers: Array(leftovers.prefix(Self.maxLeftovers)))
  }

  /// As many as one message may hold; the rest is found the next time.
  private static let maxLeftovers = 5_000
}

/// Doubles from the first delay to the last, then varied by up to half of it, so that many workers don't all come
/// back to a new coordinator at once.
struct ReconnectDelay {
  private let first: Duration
  private let last: Duration
  private var current: Duration
  private var random: UInt64

  init(_ configuration: WorkerConfiguration) {
    first = configuration.firstReconnectDelay
    last = configuration.lastReconnectDelay
    current = first
    // FNV-1a: the same worker process waits the same times.
    random = (configuration.worker.rawValue + configuration.incarnation).utf8
      .reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  mutating func reset() { current = first }

  mutating func next() -> Duration {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let share = Double(random >> 33) / Double(1 << 31)
    defer { current = min(last, current * 2) }
    return current * (0.5 + share / 2)
  }
}
