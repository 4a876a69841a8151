public import CProtobufC

/// The memory of one message's protobuf-c structs: handed out in order, given back all at once in `deinit`.
///
/// Whatever pointer it hands out is valid as long as the arena lives. For generated code, and not for use by two
/// tasks at once.
public final class MessageArena {
  // SAFETY: exclusivity is unchecked: one task at a time uses an arena, and no access to these values runs
  // anybody else's code.
  /// The first is kept when the arena is used again.
  @exclusivity(unchecked) private var slabs: [UnsafeMutableRawPointer] = []
  @exclusivity(unchecked) private var next: UnsafeMutableRawPointer?
  @exclusivity(unchecked) private var left = 0
  @exclusivity(unchecked) private var remainingMemory: Int
  @exclusivity(unchecked) private var isInUse = false
  /// Whether memory was asked for past the limit.
  @exclusivity(unchecked) private(set) var isExhausted = false

  /// Enough for the numbers and pointers of any C struct.
  private static let alignment = 8
  private static let firstSlab = 4 << 10
  private static let largestSlab = 1 << 20

  /// An arena that gives out at most this many bytes.
  init(maximumMemory: Int = .max) { remainingMemory = maximumMemory }

  /// Gives out at most this many bytes from now on.
  func limit(toBytes count: Int) { remainingMemory = count }

  deinit { for slab in slabs { slab.deallocate() } }

  /// False: somebody uses it already.
  func beginUse() -> Bool {
    defer { isInUse = true }
    return !isInUse
  }

  /// Takes back all that was handed out, for the next use.
  func reset() {
    isInUse = false
    remainingMemory = .max
    isExhausted = false
    guard let first = slabs.first else { return }
    if slabs.count > 1 {
      for slab in slabs.dropFirst() { slab.deallocate() }
      slabs = [first]
    }
    next = first
    left = Self.firstSlab
  }

  /// Nil: the arena's limit is reached.
  @usableFromInline
  func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= remainingMemory, size < Int.max - Self.alignment else {
      isExhausted = true
      return nil
    }
    let rounded = (max(size, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
    remainingMemory -= min(rounded, remainingMemory)
    if rounded > left { grow(toHold: rounded) }
    defer {
      next = next?.advanced(by: rounded)
      left -= rounded
    }
    return next
  }

  private func grow(toHold size: Int) {
    // The first slab is of one size, so that it can be used again for any message.
    if slabs.isEmpty, size > Self.firstSlab { addSlab(Self.firstSlab) }
    addSlab(
      slabs.isEmpty
        ? Self.firstSlab : max(size, min(Self.firstSlab << min(slabs.count, 16), Self.largestSlab)))
  }

  private func addSlab(_ slabSize: Int) {
    let slab = UnsafeMutableRawPointer.allocate(
      byteCount: slabSize, alignment: Self.alignment)
    slabs.append(slab)
    next = slab
    left = slabSize
  }
}

extension MessageArena {
  /// A new C struct, as its `__init` function leaves it.
  @inlinable
  public func make<CMessage>(_ initialize: (UnsafeMutablePointer<CMessage>?) -> Void)
    -> UnsafeMutablePointer<CMessage>
  {
    let message = space(for: CMessage.self, count: 1)
    initialize(message)
    return message
  }

  /// A NUL-terminated copy. Throws ``ProtobufError/Code/embeddedNUL`` where C would see a shorter string.
  public func string(_ text: String) throws(ProtobufError) -> UnsafeMutablePointer<CChar> {
    var text = text
    let copy = text.withUTF8 { utf8 -> UnsafeMutablePointer<CChar>? in
      guard !utf8.contains(0) else { return nil }
      let copy = space(for: CChar.self, count: utf8.count + 1)
      UnsafeMutableRawBufferPointer(start: copy, count: utf8.count)
        .copyMemory(from: UnsafeRawBufferPointer(utf8))
      copy[utf8.count] = 0
      return copy
    }
    guard let copy else {
      throw ProtobufError(.embeddedNUL, "A string that holds U+0000 can't be encoded.")
    }
    return copy
  }

  /// A copy of these bytes.
  public func bytes(_ bytes: [UInt8]) -> ProtobufCBinaryData {
    ProtobufCBinaryData(len: bytes.count, data: scalars(bytes))
  }

  /// A copy of these numbers; nil if there are none.
  @inlinable
  public func scalars<Value: BitwiseCopyable>(_ values: [Value]) -> UnsafeMutablePointer<Value>? {
    guard !values.isEmpty else { return nil }
    let copy = space(for: Value.self, count: values.count)
    values.withUnsafeBufferPointer { source in
      _ = UnsafeMutableBufferPointer(start: copy, count: values.count)
        .update(fromContentsOf: source)
    }
    return copy
  }

  /// An array of what `encode` makes of each value; nil if there are none.
  @inlinable
  public func array<Value, CValue>(
    _ values: some Collection<Value>, _ encode: (Value) throws(ProtobufError) -> CValue
  ) throws(ProtobufError) -> UnsafeMutablePointer<CValue>? {
    guard !values.isEmpty else { return nil }
    let copy = space(for: CValue.self, count: values.count)
    var index = 0
    for value in values {
      (copy + index).initialize(to: try encode(value))
      index += 1
    }
    return copy
  }

  @inlinable
  func space<Value>(for type: Value.Type, count: Int) -> UnsafeMutablePointer<Value> {
    let (size, overflow) = MemoryLayout<Value>.stride.multipliedReportingOverflow(by: count)
    guard !overflow, let memory = allocate(size) else {
      // Encoding sets no limit, and holds values that are in memory already.
      preconditionFailure("No address space for \(count) × \(type)")
    }
    return memory.bindMemory(to: Value.self, capacity: count)
  }
}
