public import CProtobufC

/// Turns bytes into protobuf-c's structs and back, for generated code: a message type is named by its C `__init`
/// function, and its structs never outlive the closure that is handed them.
public enum WireCodec {
  /// Decodes one message. Bytes from anywhere are safe: what is no message, or breaks a limit, throws.
  ///
  /// Unknown fields are dropped; numbers that an enum does not know are kept. Of a singular field's values the last one
  /// counts; a singular message that comes twice is refused, where protobuf would merge the two.
  /// - Parameters:
  ///   - bytes: the encoded message.
  ///   - initialize: the C type's `__init` function.
  ///   - limits: what the message may cost.
  ///   - read: copies what is wanted out of the struct, which is gone when it returns.
  @inlinable
  public static func decode<CMessage, Value>(
    _ bytes: [UInt8], _ initialize: (UnsafeMutablePointer<CMessage>?) -> Void,
    limits: DecodingLimits = DecodingLimits(), _ read: (UnsafePointer<CMessage>) -> Value
  ) throws(ProtobufError) -> Value {
    let arena = ArenaPool.take()
    defer { ArenaPool.giveBack(arena) }
    // An `__init` function writes the descriptor of its type.
    let sample = UnsafeRawPointer(arena.make(initialize))
    let unpacked = try decode(
      bytes, as: sample.assumingMemoryBound(to: ProtobufCMessage.self), limits, in: arena)
    return read(UnsafeRawPointer(unpacked).assumingMemoryBound(to: CMessage.self))
  }

  /// Encodes one message: fields by number, map entries by key, so equal messages give equal bytes.
  ///
  /// - Parameter build: makes the struct, and all it points to, in the arena.
  @inlinable
  public static func encode<CMessage>(
    _ build: (MessageArena) throws(ProtobufError) -> UnsafeMutablePointer<CMessage>
  ) throws(ProtobufError) -> [UInt8] {
    let arena = ArenaPool.take()
    defer { ArenaPool.giveBack(arena) }
    let message = UnsafeRawPointer(try build(arena))
    return packed(message.assumingMemoryBound(to: ProtobufCMessage.self))
  }

  @usableFromInline
  static func packed(_ message: UnsafePointer<ProtobufCMessage>) -> [UInt8] {
    let size = protobuf_c_message_get_packed_size(message)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = buffer.baseAddress.map { protobuf_c_message_pack(message, $0) } ?? 0
    }
  }

  /// One message in protobuf's JSON mapping, on one line.
  ///
  /// - Parameters:
  ///   - mapEntries: the full names of all map entries' messages that the message may hold.
  ///   - build: makes the struct, and all it points to, in the arena.
  public static func json<CMessage>(
    mapEntries: Set<String> = [],
    _ build: (MessageArena) throws(ProtobufError) -> UnsafeMutablePointer<CMessage>
  ) throws(ProtobufError) -> String {
    let arena = MessageArena()
    let message = UnsafeRawPointer(try build(arena))
      .assumingMemoryBound(to: ProtobufCMessage.self)
    return withExtendedLifetime(arena) {
      var json = JSONText(mapEntries: mapEntries)
      json.write(message)
      return json.text
    }
  }

  /// Checks and unpacks a message of the sample's type.
  @usableFromInline
  static func decode(
    _ bytes: [UInt8], as sample: UnsafePointer<ProtobufCMessage>, _ limits: DecodingLimits,
    in arena: MessageArena
  ) throws(ProtobufError) -> UnsafeMutablePointer<ProtobufCMessage> {
    guard let descriptor = sample.pointee.descriptor else {
      preconditionFailure("A type without a descriptor is not a protobuf-c message")
    }
    arena.limit(toBytes: limits.maximumMemory)
    return try bytes.withUnsafeBufferPointer {
      (buffer) throws(ProtobufError) -> UnsafeMutablePointer<ProtobufCMessage> in
      let scan = WireScan(bytes: buffer, maximumDepth: limits.maximumDepth)
      try scan.checkMessage(0..<buffer.count, descriptor, depth: 1)
      return try unpack(buffer, descriptor, into: arena)
    }
  }

  private static func unpack(
    _ buffer: UnsafeBufferPointer<UInt8>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    into arena: MessageArena
  ) throws(ProtobufError) -> UnsafeMutablePointer<ProtobufCMessage> {
    var allocator = ProtobufCAllocator(
      alloc: { context, size in
        guard let context, let size = Int(exactly: size) else { return nil }
        return Unmanaged<MessageArena>.fromOpaque(context).takeUnretainedValue().allocate(size)
      },
      free: { _, _ in },
      allocator_data: Unmanaged.passUnretained(arena).toOpaque())
    guard
      let message = protobuf_c_message_unpack(
        descriptor, &allocator, buffer.count, buffer.baseAddress)
    else {
      if arena.isExhausted {
        throw ProtobufError(.tooLarge, "The message would take too much memory.")
      }
      let name = descriptor.pointee.name.map { String(cString: $0) } ?? "The message"
      throw ProtobufError(.malformed, "\(name) is malformed.")
    }
    return message
  }
}
