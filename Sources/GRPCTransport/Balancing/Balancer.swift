/// How calls are spread over several addresses.
public enum LoadBalancing: Sendable, Hashable {
  /// All calls on one connection: to the first address, in their order, that can be reached. It stays
  /// until it is lost. The next address is tried when one has failed, or has not answered for
  /// `ClientConfiguration.attemptDelay` (gRPC "pick_first", gRFC A61, A62).
  case pickFirst
  /// A connection to every address; calls go over those that are ready, in turn
  /// (gRPC "round_robin").
  case roundRobin
}

/// What a policy asks for.
enum BalancingAction: Sendable, Hashable {
  /// Try to connect, if the subchannel is idle.
  case connect(Int)
  /// Let go of the subchannel's connection or attempt.
  case disconnect(Int)
  /// The addresses may be old.
  case resolve
  /// Tell `attemptDelayIsOver` after a while, unless another such wish comes first.
  case startAttemptDelay
}

/// Where a call goes.
enum Pick: Sendable, Hashable {
  /// Over this subchannel, which is ready.
  case use(Int)
  /// Later: it waits for a connection, or for room on one.
  case wait
  /// Nowhere: what can be tried has failed.
  case fail
}

/// Chooses a connection for each call: a policy is a value that is told of its subchannels and says
/// what to do with them; it knows neither time nor sockets.
protocol BalancingPolicy: Sendable {
  /// Of the whole.
  var connectivity: ConnectivityState { get }

  /// There are these subchannels now, in this order, each once; those that are new are idle.
  mutating func update(_ subchannels: [Int]) -> [BalancingAction]

  /// A subchannel has another state.
  mutating func changed(_ subchannel: Int, to state: ConnectivityState) -> [BalancingAction]

  /// A call comes, or somebody wants to be connected: an idle policy begins to connect.
  mutating func exitIdle() -> [BalancingAction]

  /// The time asked for by `startAttemptDelay` has passed.
  mutating func attemptDelayIsOver() -> [BalancingAction]

  /// Chooses for one call; `hasRoom` says whether a subchannel's peer lets one more stream be opened.
  mutating func pick(_ hasRoom: (Int) -> Bool) -> Pick
}

extension LoadBalancing {
  var policy: any BalancingPolicy {
    switch self {
    case .pickFirst: PickFirst()
    case .roundRobin: RoundRobin()
    }
  }
}
