internal import BackupModel
internal import CoordinatorCore

/// A client that watches a session, and comes back with the last sequence number that it saw.
struct Watcher {
  let session: SessionID
  /// Raised with each connection: what an older one still carries is lost.
  var generation = 0
  var isConnected = false
  var sequence = 0
  var isTold = false
  /// The coordinator's term that it was connected to last.
  var term = 0
}

extension World {
  func connectWatcher(_ index: Int) {
    guard !watchers[index].isTold, !watchers[index].isConnected else { return }
    watchers[index].generation += 1
    put(
      .watchArrives(index, generation: watchers[index].generation),
      in: random.milliseconds(1...100))
    // Not served: it tries again.
    put(.watcherConnects(index), in: random.milliseconds(1_000...3_000))
  }

  /// The coordinator's side: first what was missed, out of the store, then what becomes durable.
  func subscribe(_ index: Int, _ generation: Int) {
    guard coordinator.core != nil, watchers[index].generation == generation else { return }
    if watchers[index].sequence > 0 && watchers[index].term < coordinator.term {
      see(.watcherReconnectsAcrossARestart)
    }
    watchers[index].isConnected = true
    watchers[index].term = coordinator.term
    let session = watchers[index].session
    coordinator.subscriptions.append(
      .init(watcher: index, generation: generation, session: session))
    let missed = store.records(of: session).dropFirst(watchers[index].sequence)
    put(.watcherHears(index, generation: generation, Array(missed)), in: .milliseconds(5))
  }

  func publish(_ records: [SessionRecord]) {
    guard !records.isEmpty else { return }
    for subscription in coordinator.subscriptions {
      let news = records.filter { $0.session == subscription.session }
      guard !news.isEmpty else { continue }
      put(
        .watcherHears(subscription.watcher, generation: subscription.generation, news),
        in: .milliseconds(5))
    }
  }

  func watcherHears(_ index: Int, _ generation: Int, _ records: [SessionRecord]) {
    guard watchers[index].generation == generation, watchers[index].isConnected else { return }
    watchersSeeEveryTransitionOnceInOrder(index, records)
  }

  func disconnectWatcher(_ index: Int) {
    guard watchers[index].isConnected else { return }
    watchers[index].isConnected = false
    watchers[index].generation += 1
    coordinator.subscriptions.removeAll { $0.watcher == index }
    put(.watcherConnects(index), in: random.milliseconds(50...5_000))
  }
}
