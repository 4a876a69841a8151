import Synchronization

/// What the calls of one channel share for their retries: the policies, the tokens, and the memory.
public final class ChannelRetries: Sendable {
  /// As it was given.
  public let configuration: RetryConfiguration

  private let tokens: Mutex<RetryTokens?>
  private let buffered = Atomic<Int>(0)

  /// For one channel: servers of the same name.
  public init(_ configuration: RetryConfiguration) {
    self.configuration = configuration
    tokens = Mutex(configuration.throttling.map(RetryTokens.init))
  }

  /// Only calls that no server has seen are made again.
  public static let transparentOnly = ChannelRetries(RetryConfiguration())

  func decide(_ failure: AttemptFailure, _ state: inout RetryState) -> RetryState.Decision {
    tokens.withLock { tokens in
      state.decide(failure, &tokens, random: .random(in: -1...1))
    }
  }

  /// A call with a policy has succeeded.
  func succeeded() {
    tokens.withLock { $0?.succeeded() }
  }

  /// Makes room for requests that are kept; false: there is none.
  func reserve(_ bytes: Int) -> Bool {
    let total = buffered.add(bytes, ordering: .relaxed).newValue
    if total <= configuration.channelBuffer { return true }
    release(bytes)
    return false
  }

  func release(_ bytes: Int) {
    buffered.subtract(bytes, ordering: .relaxed)
  }

  /// Bytes kept now, for tests.
  var bufferedBytes: Int { buffered.load(ordering: .relaxed) }
}
