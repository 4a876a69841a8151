internal import BackupModel
internal import CoordinatorCore

/// One worker's connection: two ordered streams, which break together but may be missed at either end.
struct Connection {
  let worker: Int
  let incarnation: Int
  let term: Int
  /// Nothing passes any more, not even what is under way.
  var isBroken = false
  var isClosedAtWorker = false
  var isRegistered = false
  var lastUp = World.start
  var lastDown = World.start
}

extension World {
  private func delay() -> Duration {
    if !isHealed && faults[.networkIsSlow] > 0 && random.chance(0.2) {
      return random.milliseconds(50...Int(6_000 * faults[.networkIsSlow]) + 60)
    }
    return .microseconds(random.int(100...4_000))
  }

  func sendUp(_ message: Uplink, on connection: Int) {
    guard !connections[connection].isBroken else { return }
    let time = max(connections[connection].lastUp, now.advanced(by: delay()))
    connections[connection].lastUp = time
    queue.put(.reachesCoordinator(connection: connection, message), at: time)
  }

  func send(_ message: WorkerMessage) {
    let connection = Int(message.connection.rawValue)
    guard connections.indices.contains(connection), !connections[connection].isBroken,
      connections[connection].term == coordinator.term
    else { return }
    let time = max(connections[connection].lastDown, now.advanced(by: delay()))
    connections[connection].lastDown = time
    queue.put(.reachesWorker(connection: connection, message.content), at: time)
    if case .disconnect = message.content {
      queue.put(.workerIsTold(connection: connection), at: time)
    }
  }

  func arriveAtCoordinator(_ message: Uplink, on index: Int) {
    let connection = connections[index]
    guard !connection.isBroken, isCurrent(connection.term) else { return }
    let id = ConnectionID(rawValue: UInt64(index))
    let worker = workers[connection.worker].id
    switch message {
    case .register(let registration): tellCoordinator(.workerAttached(id, registration))
    case .report(let report): tellCoordinator(.workerReported(worker, id, report))
    }
  }

  /// What is under way is lost with it. The ends are told after a while, or never.
  func breakConnection(_ index: Int, tellsWorker: Bool = true, tellsCoordinator: Bool = true) {
    guard !connections[index].isBroken else { return }
    connections[index].isBroken = true
    say("connection \(index) of \(workers[connections[index].worker].id) breaks")
    if tellsWorker { put(.workerIsTold(connection: index), in: random.milliseconds(0...3_000)) }
    if tellsCoordinator {
      put(.coordinatorIsTold(connection: index), in: random.milliseconds(0...3_000))
    }
  }

  func coordinatorLosesConnection(_ index: Int) {
    guard isCurrent(connections[index].term) else { return }
    tellCoordinator(
      .workerDetached(
        workers[connections[index].worker].id, ConnectionID(rawValue: UInt64(index))))
  }
}
