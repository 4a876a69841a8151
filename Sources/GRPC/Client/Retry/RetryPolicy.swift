/// When and how often a call that failed is made again (gRFC A6).
///
/// A call is never made again once the server's response headers have come, nor when what it has
/// written does not fit into `RetryConfiguration.callBuffer` any more.
public struct RetryPolicy: Sendable, Hashable {
  /// The call is made so often at most, the first time among them; more than 5 counts as 5.
  public var maximumAttempts: Int
  /// Before the second attempt, give or take a fifth.
  public var initialBackoff: Duration
  /// The longest time between two attempts.
  public var maximumBackoff: Duration
  /// By which each backoff is longer than the last.
  public var backoffMultiplier: Double
  /// The statuses after which the call is made again. Choose those that say that the call had no
  /// effect, or methods where a second effect does no harm.
  public var retryableCodes: Set<StatusCode>

  /// Three attempts in about a second, after UNAVAILABLE only.
  public init(
    maximumAttempts: Int = 3, initialBackoff: Duration = .milliseconds(200),
    maximumBackoff: Duration = .seconds(10), backoffMultiplier: Double = 2,
    retryableCodes: Set<StatusCode> = [.unavailable]
  ) {
    self.maximumAttempts = maximumAttempts
    self.initialBackoff = initialBackoff
    self.maximumBackoff = maximumBackoff
    self.backoffMultiplier = backoffMultiplier
    self.retryableCodes = retryableCodes
  }

  /// gRFC A6: "values greater than 5 are treated as 5".
  var attempts: Int { min(max(maximumAttempts, 1), 5) }

  /// The time before an attempt, after so many before it. `random` is within -1...1.
  func backoff(afterAttempts attempts: Int, random: Double) -> Duration {
    var backoff = min(max(initialBackoff, .zero), maximumBackoff)
    for _ in 1..<max(attempts, 1) where backoff < maximumBackoff {
      backoff = min(backoff * max(backoffMultiplier, 1), maximumBackoff)
    }
    return backoff * (1 + 0.2 * random)
  }
}

/// Holds retries back while a server fails much (gRFC A6, "Throttling Retry Attempts and Hedged
/// RPCs"): every call that fails takes a token, every one that succeeds gives `tokenRatio` back, and
/// nothing is retried while no more than half of the tokens are left.
public struct RetryThrottling: Sendable, Hashable {
  /// The tokens that there are at most, and at first.
  public var maximumTokens: Double
  /// What a success gives back.
  public var tokenRatio: Double

  /// Ten failures in a row stop retries; two successes make up for one failure.
  public init(maximumTokens: Double = 20, tokenRatio: Double = 0.5) {
    self.maximumTokens = maximumTokens
    self.tokenRatio = tokenRatio
  }
}

/// Which of a channel's calls are made again after a failure, and what that may cost: what gRPC's
/// service config says in JSON.
///
/// Calls that no server has seen are made again without a policy ("transparent retry").
public struct RetryConfiguration: Sendable, Hashable {
  /// Of methods, by their paths such as `/greet.v1.Greeter/Greet`.
  public var methods: [String: RetryPolicy] = [:]
  /// Of services, by their full names, where the method has none.
  public var services: [String: RetryPolicy] = [:]
  /// Of all other methods; nil: none.
  public var others: RetryPolicy?
  /// For all calls of the channel together; nil: retries are not held back.
  public var throttling: RetryThrottling? = RetryThrottling()
  /// So many bytes of a call's requests are kept to be sent again.
  public var callBuffer = 256 << 10
  /// So many bytes of all calls' requests together.
  public var channelBuffer = 16 << 20

  /// No policy.
  public init() {}

  /// The policy of a method.
  public func policy(for method: MethodDescriptor) -> RetryPolicy? {
    if methods.isEmpty, services.isEmpty { return others }
    return methods[method.path] ?? services[method.service] ?? others
  }
}
